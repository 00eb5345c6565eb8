in vec3 v_normal, v_base, v_position;
in vec4 v_exposure, v_paint;
uniform vec3 skin_colour, lip_colour, hair_colour, brow_colour, shirt_colour, stripe_colour;
uniform float lipstick, brow_size, brow_arch, scalp_density, beard_density, freckles, blush, wrinkles;
uniform float collar_height, collar_depth, stripes;
out vec4 colour;

float bump(vec2 p, vec2 centre, vec2 size) { vec2 d = (p - centre) / size; return exp(-dot(d, d)); }

float brow(vec3 b) {
    float t = clamp((abs(b.x) - 0.085) / 0.47, 0.0, 1.0);
    float middle = 7.472 + (0.055 + 0.03 * brow_arch) * sin(2.5 * t) - 0.05 * t;
    float half_width = 0.038 * brow_size * sqrt(max(1.0 - pow(abs(2.0 * t - 1.0), 2.4), 0.0)) * (1.05 - 0.45 * t);
    float strands = noise(vec3(b.x * 55.0 - sign(b.x) * b.y * 38.0, b.y * 14.0, 3.0)) - 0.5;
    float off = abs(b.y - middle) / max(half_width, 1e-3) + 0.55 * strands;
    return smoothstep(1.25, 0.7, off) * step(0.05, half_width * 10.0) * step(0.9, b.z);
}

float collar(vec3 b) {
    float dip = collar_depth * smoothstep(0.62, 0.0, abs(b.x)) * smoothstep(0.0, 0.5, b.z);
    return b.y - (collar_height - 0.22 * (b.z - 0.1) - dip);
}

vec3 complexion(vec3 b) {
    vec2 side = vec2(abs(b.x), b.y);
    vec3 c = linear(skin_colour);
    float red = bump(side, vec2(0.45, 6.99), vec2(0.21, 0.15)) * step(0.6, b.z);
    red += 0.7 * bump(side, vec2(0.0, 6.92), vec2(0.12, 0.09)) * step(1.45, b.z);
    red += 0.6 * smoothstep(0.72, 0.82, side.x) * step(6.7, b.y);
    red += 0.3 * bump(side, vec2(0.0, 6.4), vec2(0.2, 0.12)) * step(1.2, b.z);
    c *= mix(vec3(1.0), vec3(1.08, 0.62, 0.58), clamp(blush * red, 0.0, 1.0));
    c *= mix(vec3(1.0), vec3(0.80, 0.62, 0.58), 0.45 * v_paint.z);
    float speck = smoothstep(0.72, 0.80, noise(b * 38.0)) * bump(side, vec2(0.25, 7.0), vec2(0.3, 0.14)) * step(1.0, b.z);
    c *= 1.0 - freckles * 0.45 * speck * vec3(0.6, 1.0, 1.2);
    float fold = bump(vec2(side.x - 0.36 + 0.42 * (6.86 - b.y), b.y), vec2(0.0, 6.76), vec2(0.022, 0.13));
    fold += 0.7 * bump(side, vec2(0.31, 7.10 - 0.10 * abs(side.x - 0.31)), vec2(0.15, 0.014));
    fold += 0.5 * (bump(vec2(0.0, b.y), vec2(0.0, 7.72 + 0.04 * cos(5.0 * b.x)), vec2(1.0, 0.012))
                 + bump(vec2(0.0, b.y), vec2(0.0, 7.82 + 0.04 * cos(5.0 * b.x)), vec2(1.0, 0.012))) * step(side.x, 0.33);
    c *= 1.0 - wrinkles * 0.4 * fold * step(1.0, b.z);
    return c * (1.0 + 0.03 * (noise(b * 7.0) - 0.5));
}

void main() {
    vec3 b = v_base;
    vec3 towards = normalize(viewpoint - v_position);
    vec3 n = normalize(gl_FrontFacing ? v_normal : -v_normal);
    Surface s = Surface(complexion(b), n, v_exposure.y, v_exposure.z, 0.42, 0.05, 14.0);
    s.shine += 0.05 * bump(vec2(abs(b.x), b.y), vec2(0.0, 7.0), vec2(0.1, 0.2)) * step(1.3, b.z);
    float grain = noise(b * vec3(46.0, 24.0, 46.0)), fine = noise(b * vec3(95.0, 40.0, 95.0));
    float lips = smoothstep(0.22, 0.72, v_paint.y);
    s.colour = mix(s.colour, linear(lip_colour), lips * lipstick);
    s.shine = mix(s.shine, 0.10, lips); s.gloss = mix(s.gloss, 24.0, lips);
    float fuzz = clamp(v_paint.w + 0.5 * (grain - 0.5), 0.0, 1.0);
    float beard = beard_density * smoothstep(0.15, 0.75, fuzz) * (1.0 - lips);
    float scalp = scalp_density * smoothstep(-0.05, 0.10, v_exposure.w + 0.09 * (grain - 0.5));
    vec3 strands = linear(hair_colour) * (0.65 + 0.5 * grain + 0.35 * fine);
    float hairy = max(beard, scalp);
    s.colour = mix(s.colour, strands, hairy);
    s.normal = normalize(n + 0.30 * hairy * vec3(grain - 0.5, fine - 0.5, 0.0));
    s.soft *= 1.0 - 0.7 * hairy; s.shine *= 1.0 - 0.6 * hairy;
    float brows = brow(b);
    s.colour = mix(s.colour, linear(brow_colour) * (0.8 + 0.5 * grain), 0.92 * brows);
    float cavity = smoothstep(0.02, 0.6, v_paint.x), edge = collar(b);
    if (edge < 0.0 && cavity < 0.01 && b.y < 6.2) {
        float band = smoothstep(-0.10, -0.085, edge);
        vec3 cloth = mix(linear(shirt_colour), linear(stripe_colour), stripes * smoothstep(0.1, -0.1, sin(40.0 * b.y)) * (1.0 - band));
        cloth *= 1.0 - 0.16 * band * (0.6 + 0.4 * sin(120.0 * atan(b.x, b.z - 0.1))) - 0.25 * smoothstep(-0.022, 0.0, edge);
        float folds = noise(vec3(b.x * 2.2 + b.y * 1.5, b.y * 0.9, b.z)) - 0.5;
        s = Surface(cloth, normalize(n + 0.25 * vec3(folds, 0.5 * folds, 0.0)), v_exposure.y, v_exposure.z, 0.12, 0.0, 8.0);
    }
    s.colour = mix(s.colour, vec3(0.085, 0.012, 0.012), cavity);
    s.open *= 1.0 - 0.6 * cavity; s.soft *= 1.0 - cavity; s.shine *= 1.0 - cavity;
    colour = vec4(display(shade(s, towards)), 1.0);
}
