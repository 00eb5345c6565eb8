in vec3 v_normal, v_base, v_position, v_flat;
in vec4 v_exposure;
uniform vec3 hair_colour, tip_colour;
uniform float sweep, curl, whorl, seed;       // sweep: 1 combed sideways, -1 back; whorl: x of the parting
uniform float label;                          // above 0: this number is drawn instead of colours
out vec4 colour;

float strands(vec2 across_along, float fine) { return noise(vec3(across_along.x * fine, across_along.y * fine * 0.045, seed)); }

void main() {
    vec3 b = v_base;
    float on_top = smoothstep(7.5, 8.0, b.y);
    float around = atan(b.x - whorl * on_top, b.z - 0.15) * 1.1;
    vec2 falling = vec2(around, b.y), sideways = vec2(b.z, b.x), back = vec2(b.x, b.z);
    vec2 flow = mix(falling, sweep > 0.0 ? sideways : back, abs(sweep) * on_top);
    float ragged = noise(vec3(flow.x * 30.0, b.y * 2.0, seed));
    if (v_exposure.w < 0.10 * ragged - 0.03) discard;   // tips of strands at the hairline
    if (label > 0.0) { colour = vec4(vec3(label / 255.0), 1.0); return; }
    float locks = strands(flow, 13.0), strand = strands(flow + 3.0, 42.0), hairs = strands(flow + 7.0, 95.0);
    float grain = noise(b * 13.0 + seed) * 0.6 + noise(b * 27.0 + seed) * 0.4;
    float tone = mix(0.45 * locks + 0.35 * strand + 0.2 * hairs, grain, curl);
    vec3 falling_axis = normalize(vec3(b.x - whorl * on_top, 0.0, b.z - 0.15) + 1e-4);
    vec3 across = normalize(mix(vec3(falling_axis.z, 0.0, -falling_axis.x), sweep > 0.0 ? vec3(0, 0, 1) : vec3(1, 0, 0), abs(sweep) * on_top));
    vec3 n = normalize((gl_FrontFacing ? v_normal : -v_normal) + across * (tone - 0.5) * mix(0.9, 0.3, curl) + curl * 0.9 * (vec3(noise(b * 15.0), noise(b * 15.0 + 9.0), noise(b * 15.0 + 5.0)) - 0.5));
    vec3 along = normalize(cross(across, n));
    vec3 towards = normalize(viewpoint - v_position);
    vec3 tint = mix(linear(hair_colour), linear(tip_colour), 0.6 * smoothstep(0.5, 0.9, locks) * (1.0 - curl));
    tint *= mix(0.62, 1.30, tone) * mix(0.72, 1.0, smoothstep(-0.02, 0.16, v_exposure.w));
    Surface s = Surface(tint, n, v_exposure.y * mix(0.75, 1.0, tone), v_exposure.z, 0.22, 0.0, 8.0);
    vec3 light = shade(s, towards);
    float sine = length(cross(along, normalize(key_direction + towards + 0.35 * (strand - 0.5) * along)));
    vec3 gloss = mix(tint * 1.6, key_colour, 0.08) * (0.20 * pow(sine, 36.0) + 0.14 * pow(sine, 9.0)) * (1.0 - 0.75 * curl);
    light += gloss * v_exposure.z * v_exposure.y * max(dot(n, key_direction) + 0.25, 0.0) * (0.5 + strand);
    colour = vec4(display(light), 1.0);
}
