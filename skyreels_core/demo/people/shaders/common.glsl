// Shared by all programs. Lengths in dm. Colours are linear light; display gamma is taken as 2, whose root is cheap.
uniform mat4 camera;         // world to clip space
uniform vec3 viewpoint;
uniform mat3 turn;           // of the head about the pivot
uniform vec3 pivot;
uniform vec3 key_direction, key_colour, fill_direction, fill_colour, rim_direction, rim_colour, sky, ground;

vec3 display(vec3 light) { return sqrt(light * (1.12 + 0.13 * light) / (1.0 + 0.30 * light)); }

float hash(vec2 p) {
    p = fract(p * vec2(0.1031, 0.1137));
    p += dot(p, p.yx + 33.33);
    return fract((p.x + p.y) * p.x * 7.3);
}
float noise(vec2 p) {        // smooth, 0..1
    vec2 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    vec4 h = vec4(hash(i), hash(i + vec2(1, 0)), hash(i + vec2(0, 1)), hash(i + vec2(1, 1)));
    return mix(mix(h.x, h.y, f.x), mix(h.z, h.w, f.x), f.y);
}
float noise(vec3 p) {        // two slices of the plane noise
    float i = floor(p.z), f = p.z - i;
    return mix(noise(p.xy + 17.0 * i), noise(p.xy + 17.0 * (i + 1.0)), f * f * (3.0 - 2.0 * f));
}
float bump(vec2 p, vec2 centre, vec2 size) {  // 1 in the middle, soft
    vec2 d = (p - centre) / size;
    float far = 1.0 / (1.0 + 0.7 * dot(d, d));
    return far * far;
}

struct Surface {
    vec3 colour;             // linear
    vec3 normal;
    float open;              // 1: nothing near hides the sky
    float lit;               // 1: the key light reaches it
    float soft;              // how far light wraps around, as through skin
    float shine;             // strength of a broad highlight
};

vec3 shade(Surface s, vec3 towards) {
    float facing = dot(s.normal, key_direction);
    float wrapped = max((facing + s.soft) / (1.0 + s.soft), 0.0);
    float lit = 0.75 * s.lit + 0.25;
    vec3 bleeding = mix(vec3(1.0), vec3(1.22, 0.84, 0.72), s.soft * smoothstep(0.65, 0.05, wrapped * lit));
    vec3 occlusion = s.open * mix(vec3(1.0), vec3(1.2, 1.0, 0.97) - vec3(0.2, 0.0, -0.03) * s.open, s.soft);
    vec3 light = mix(ground, sky, 0.5 + 0.5 * s.normal.y) * occlusion;
    light += key_colour * wrapped * (0.78 + 0.22 * wrapped) * lit * bleeding * (0.6 + 0.4 * occlusion);
    light += fill_colour * max(0.6 * dot(s.normal, fill_direction) + 0.4, 0.0) * occlusion;
    float edge = 1.0 - max(dot(s.normal, towards), 0.0);
    vec3 halo = rim_colour * edge * edge * edge * max(dot(s.normal, rim_direction) + 0.4, 0.0) * s.open;
    float spark = max(dot(s.normal, normalize(key_direction + towards)), 0.0);
    spark *= spark; spark *= spark; spark *= spark; spark *= spark;
    return s.colour * light + halo * (0.4 + 0.6 * s.colour) + s.shine * spark * s.open * lit * key_colour;
}
