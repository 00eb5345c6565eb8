in vec3 v_normal, v_base, v_position;
in vec4 v_exposure;
uniform vec3 hair_colour, tip_colour;
uniform float sweep, whorl, seed;             // sweep: 1 combed sideways, -1 back; whorl: x of the parting
uniform float label;                          // above 0: this number is drawn instead of colours
out vec4 colour;

void main() {
    vec3 b = v_base;
    float on_top = smoothstep(7.5, 8.0, b.y);
    vec2 out_from = vec2(b.x - whorl * on_top, b.z - 0.15);
    float around = atan(out_from.x, out_from.y) * 1.1;
    vec2 flow = mix(vec2(around, b.y), sweep > 0.0 ? vec2(b.z, b.x) : vec2(b.x, b.z), abs(sweep) * on_top);
    if (v_exposure.w < 0.10 * noise(vec2(flow.x * 30.0, b.y * 2.0 + seed)) - 0.03) discard;   // tips at the hairline
    if (label > 0.0) { colour = vec4(vec3(label / 255.0), 1.0); return; }
    vec3 n = gl_FrontFacing ? v_normal : -v_normal, towards = normalize(viewpoint - v_position);
#ifdef CURL
    vec3 wool = vec3(noise(vec2(b.x + b.z, b.y) * 15.0), noise(vec2(b.x - b.z, b.y + 0.5 * b.z) * 15.0 + 9.0), 0.5);
    float tone = 0.5 * (wool.x + wool.y) + 0.4 * (noise(vec2(b.x + 0.7 * b.z, b.y - 0.7 * b.z) * 29.0 + seed) - 0.5);
    n = normalize(n + 0.9 * (wool - 0.5));
    vec3 tint = hair_colour * (0.45 + 1.1 * tone);
    float sheen = 0.25, strand = tone;
    vec3 along = vec3(0, 1, 0);
#else
    vec2 place = vec2(flow.x, flow.y * 0.045);
    float locks = noise(place * 13.0 + seed), strand = noise(place * 42.0 + seed + 5.0);
    float tone = 0.5 * locks + 0.5 * strand;
    vec3 falling = normalize(vec3(out_from.y, 0.0, -out_from.x) + 1e-4);
    vec3 across = normalize(mix(falling, sweep > 0.0 ? vec3(0, 0, 1) : vec3(1, 0, 0), abs(sweep) * on_top));
    n = normalize(n + across * (tone - 0.5) * 0.8);
    vec3 along = normalize(cross(across, n));
    vec3 tint = mix(hair_colour, tip_colour, 0.6 * smoothstep(0.5, 0.9, locks)) * (0.62 + 0.68 * tone);
    float sheen = 1.0;
#endif
    tint *= mix(0.72, 1.0, smoothstep(-0.02, 0.16, v_exposure.w));
    vec3 light = shade(Surface(tint, n, v_exposure.y * mix(0.75, 1.0, tone), v_exposure.z, 0.22, 0.0), towards);
    vec3 middle = normalize(key_direction + towards);
    float dip = dot(along, middle) + 0.30 * (strand - 0.5), ring = max(1.0 - dip * dip, 0.0);   // Kajiya and Kay 1989
    float broad = ring * ring; broad *= broad;
    float sharp = broad * broad; sharp *= sharp;
    vec3 gloss = mix(tint * 1.6, key_colour, 0.08) * (0.20 * sharp + 0.14 * broad) * sheen;
    light += gloss * v_exposure.z * v_exposure.y * max(dot(n, key_direction) + 0.25, 0.0) * (0.5 + strand);
    colour = vec4(display(light), 1.0);
}
