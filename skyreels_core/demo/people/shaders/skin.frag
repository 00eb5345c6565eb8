in vec3 v_normal, v_base, v_position;
in vec4 v_exposure, v_paint;
uniform vec3 skin_colour, lip_colour, hair_colour, brow_colour;
uniform float lipstick, brow_size, brow_arch, scalp_density, beard_density, freckles, blush, wrinkles;
out vec4 colour;

float brow(vec3 b) {
    float t = clamp((abs(b.x) - 0.085) / 0.47, 0.0, 1.0), u = 2.0 * t - 1.0;
    float middle = 7.472 + (0.055 + 0.03 * brow_arch) * (1.0 - (1.4 * t - 0.87) * (1.4 * t - 0.87)) - 0.05 * t;
    float half_width = 0.038 * brow_size * sqrt(max(1.0 - u * u, 0.0)) * (1.05 - 0.45 * t);
    float strands = noise(vec2(b.x * 55.0 - sign(b.x) * b.y * 38.0, b.y * 14.0)) - 0.5;
    float off = abs(b.y - middle) / max(half_width, 1e-3) + 0.55 * strands;
    return smoothstep(1.25, 0.7, off) * step(0.005, half_width) * step(0.9, b.z);
}

vec3 complexion(vec2 side, vec3 b) {
    vec3 c = skin_colour;
    float red = bump(side, vec2(0.45, 6.99), vec2(0.24, 0.17)) * step(0.6, b.z);
    red += 0.7 * bump(side, vec2(0.0, 6.92), vec2(0.12, 0.09)) * step(1.45, b.z);
    red += 0.6 * smoothstep(0.72, 0.82, side.x) * step(6.7, b.y);
    c *= mix(vec3(1.0), vec3(1.08, 0.62, 0.58), min(blush * red, 1.0));
    c *= 1.0 - 0.45 * v_paint.z * vec3(0.20, 0.38, 0.42);
#ifdef FRECKLES
    float speck = smoothstep(0.70, 0.80, noise(b.xy * 38.0)) * bump(side, vec2(0.25, 7.0), vec2(0.3, 0.14)) * step(1.0, b.z);
    c *= 1.0 - freckles * 0.5 * speck * vec3(0.6, 1.0, 1.2);
#endif
#ifdef WRINKLES
    float fold = bump(vec2(side.x - 0.36 + 0.42 * (6.86 - b.y), b.y), vec2(0.0, 6.76), vec2(0.022, 0.13));
    fold += 0.7 * bump(side, vec2(0.31, 7.10 - 0.10 * abs(side.x - 0.31)), vec2(0.15, 0.014));
    float brow_line = 0.04 - 0.5 * b.x * b.x;
    fold += 0.5 * step(side.x, 0.33) * (bump(vec2(0.0, b.y), vec2(0.0, 7.72 + brow_line), vec2(1.0, 0.012))
                                      + bump(vec2(0.0, b.y), vec2(0.0, 7.82 + brow_line), vec2(1.0, 0.012)));
    c *= 1.0 - wrinkles * 0.4 * fold * step(1.0, b.z);
#endif
    return c;
}

void main() {
    vec3 b = v_base, n = normalize(gl_FrontFacing ? v_normal : -v_normal);
    vec2 side = vec2(abs(b.x), b.y);
    Surface s = Surface(complexion(side, b), n, v_exposure.y, v_exposure.z, 0.42, 0.05);
    s.shine += 0.06 * bump(side, vec2(0.0, 7.0), vec2(0.1, 0.2)) * step(1.3, b.z);
    float lips = smoothstep(0.22, 0.72, v_paint.y);
    s.colour = mix(s.colour, lip_colour, lips * lipstick);
    s.shine = mix(s.shine, 0.10, lips);
    float grain = noise(vec2(b.x * 46.0 + 31.0 * b.z, b.y * 24.0));
    float hairy = scalp_density * smoothstep(-0.05, 0.10, v_exposure.w + 0.09 * (grain - 0.5));
#ifdef BEARD
    float fuzz = smoothstep(0.15, 0.75, v_paint.w + 0.5 * (grain - 0.5));
    hairy = max(hairy, beard_density * fuzz * (1.0 - lips));
#endif
    s.colour = mix(s.colour, hair_colour * (0.65 + 0.75 * grain), hairy);
    s.normal = normalize(n + 0.30 * hairy * (grain - 0.5));
    s.soft *= 1.0 - 0.7 * hairy; s.shine *= 1.0 - 0.6 * hairy;
    s.colour = mix(s.colour, brow_colour * (0.8 + 0.5 * grain), 0.92 * brow(b));
    float cavity = smoothstep(0.02, 0.6, v_paint.x);
    s.colour = mix(s.colour, vec3(0.085, 0.012, 0.012), cavity);
    s.open *= 1.0 - 0.6 * cavity; s.soft *= 1.0 - cavity; s.shine *= 1.0 - cavity;
    colour = vec4(display(shade(s, normalize(viewpoint - v_position))), 1.0);
}
