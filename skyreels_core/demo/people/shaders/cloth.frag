in vec3 v_normal, v_base, v_position;
in vec4 v_exposure;
uniform vec3 skin_colour, shirt_colour, stripe_colour;
uniform float collar_height, collar_depth, stripes;
out vec4 colour;

float collar(vec3 b) {                       // as in head.vert
    float dip = collar_depth * smoothstep(0.62, 0.0, abs(b.x)) * smoothstep(0.0, 0.5, b.z);
    return b.y - (collar_height - 0.22 * (b.z - 0.1) - dip);
}

void main() {
    vec3 b = v_base, n = normalize(gl_FrontFacing ? v_normal : -v_normal);
    float edge = collar(b), band = smoothstep(-0.10, -0.085, edge);
    Surface s = Surface(skin_colour, n, v_exposure.y, v_exposure.z, 0.42, 0.05);
    if (edge < 0.0) {
        vec3 cloth = mix(shirt_colour, stripe_colour, stripes * smoothstep(0.1, -0.1, sin(40.0 * b.y)) * (1.0 - band));
        cloth *= 1.0 - 0.16 * band * (0.6 + 0.4 * sin(120.0 * atan(b.x, b.z - 0.1))) - 0.25 * smoothstep(-0.022, 0.0, edge);
        float folds = noise(vec2(b.x * 2.6 + b.y * 1.9, b.y * 1.1 + b.z)) - 0.5;
        s = Surface(cloth, normalize(n + 0.32 * vec3(folds, 0.5 * folds, 0.0)), v_exposure.y, v_exposure.z, 0.12, 0.0);
    }
    colour = vec4(display(shade(s, normalize(viewpoint - v_position))), 1.0);
}
