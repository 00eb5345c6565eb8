in vec3 v_normal, v_base, v_position;
uniform float is_tongue, mouth_open;
out vec4 colour;

void main() {
    float depth = is_tongue > 0.5 ? smoothstep(0.95, 1.40, v_base.z) : smoothstep(1.22, 1.50, v_base.z);
    float gaps = smoothstep(0.80, 1.0, abs(cos(v_base.x * 40.0)));
    vec3 teeth = vec3(0.86, 0.82, 0.74) * (1.0 - 0.16 * gaps), tongue = vec3(0.40, 0.085, 0.085);
    float dark = mix(is_tongue > 0.5 ? 0.16 : 0.28, 1.0, depth) * mix(is_tongue > 0.5 ? 0.5 : 0.62, 1.0, clamp(mouth_open, 0.0, 1.0));
    Surface s = Surface(is_tongue > 0.5 ? tongue : teeth, normalize(v_normal), dark, dark, 0.3, 0.06);
    colour = vec4(display(shade(s, normalize(viewpoint - v_position))), 1.0);
}
