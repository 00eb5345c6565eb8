#version 330
// Shared by all programs. Lengths in dm; colours of uniforms are display values (sRGB), light is added linearly.
uniform mat4 camera;         // world to clip space
uniform vec3 viewpoint;
uniform mat3 turn;           // of the head about the pivot
uniform vec3 pivot;
uniform vec3 key_direction, key_colour, fill_direction, fill_colour, rim_direction, rim_colour, sky, ground;

vec3 linear(vec3 colour) { return pow(colour, vec3(2.2)); }
vec3 display(vec3 light) { return pow(light * (1.0 + 0.12 * light) / (1.0 + 0.30 * light) * 1.12, vec3(1.0 / 2.2)); }

float hash(vec3 p) {
    p = fract(p * vec3(0.1031, 0.1030, 0.0973));
    p += dot(p, p.yxz + 33.33);
    return fract((p.x + p.y) * p.z);
}
float noise(vec3 p) {        // smooth, 0..1
    vec3 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    vec2 o = vec2(0, 1);
    return mix(mix(mix(hash(i), hash(i + o.yxx), f.x), mix(hash(i + o.xyx), hash(i + o.yyx), f.x), f.y),
               mix(mix(hash(i + o.xxy), hash(i + o.yxy), f.x), mix(hash(i + o.xyy), hash(i + o.yyy), f.x), f.y), f.z);
}

struct Surface {
    vec3 colour;             // linear
    vec3 normal;
    float open;              // 1: nothing near hides the sky
    float lit;               // 1: the key light reaches it
    float soft;              // how far light wraps around, as through skin
    float shine;             // strength of the highlight
    float gloss;             // its exponent
};

vec3 shade(Surface s, vec3 towards) {
    float facing = dot(s.normal, key_direction);
    float wrapped = clamp((facing + s.soft) / (1.0 + s.soft), 0.0, 1.0);
    float lit = mix(s.lit, 1.0, 0.25);
    vec3 bleeding = mix(vec3(1.0), vec3(1.22, 0.84, 0.72), s.soft * smoothstep(0.65, 0.05, wrapped * lit));
    vec3 occlusion = pow(vec3(s.open), mix(vec3(1.0), vec3(0.72, 1.0, 1.1), min(1.0, 2.0 * s.soft)));
    vec3 light = mix(ground, sky, 0.5 + 0.5 * s.normal.y) * occlusion;
    light += key_colour * pow(wrapped, 1.25) * lit * bleeding * mix(vec3(1.0), occlusion, 0.4);
    light += fill_colour * max(0.6 * dot(s.normal, fill_direction) + 0.4, 0.0) * occlusion;
    float edge = pow(1.0 - max(dot(s.normal, towards), 0.0), 3.0);
    vec3 halo = rim_colour * edge * max(dot(s.normal, rim_direction) + 0.4, 0.0) * s.open;
    float spark = pow(max(dot(s.normal, normalize(key_direction + towards)), 0.0), s.gloss);
    return s.colour * light + halo * mix(s.colour, vec3(1.0), 0.4) + s.shine * spark * s.open * lit * key_colour;
}
