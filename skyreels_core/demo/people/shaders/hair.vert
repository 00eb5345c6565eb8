in vec3 position, normal, base;
in vec4 exposure;                            // turning, open, lit, how far above the hairline (dm)
out vec3 v_normal, v_base, v_position;
out vec4 v_exposure;

void main() {
    vec3 p = mix(position, turn * (position - pivot) + pivot, exposure.x);
    v_normal = normalize(mix(normal, turn * normal, exposure.x));
    v_base = base; v_position = p; v_exposure = exposure;
    gl_Position = camera * vec4(p, 1.0);
}
