in vec3 position, normal, base, direction;   // direction: within the eyeball
in vec4 exposure;                            // turning, open, lit, how far above the hairline (dm)
in vec4 paint;                               // cavity, lips, lids, beard
uniform float scalp_depth, beard_depth, collar_height, collar_depth;
out vec3 v_normal, v_base, v_direction, v_position;
out vec4 v_exposure, v_paint;

float collar(vec3 b) {                       // height above the edge of the shirt
    float dip = collar_depth * smoothstep(0.62, 0.0, abs(b.x)) * smoothstep(0.0, 0.5, b.z);
    return b.y - (collar_height - 0.22 * (b.z - 0.1) - dip);
}

void main() {
    float grown = scalp_depth * smoothstep(-0.02, 0.22, exposure.w) + beard_depth * paint.w;
    float cloth = paint.x < 0.01 && base.y < 6.2 ? 0.055 * smoothstep(0.012, -0.05, collar(base)) : 0.0;
    vec3 p = position + normal * (grown + cloth);
    p = mix(p, turn * (p - pivot) + pivot, exposure.x);
    v_normal = normalize(mix(normal, turn * normal, exposure.x));
    v_base = base; v_direction = direction; v_position = p; v_exposure = exposure; v_paint = paint;
    gl_Position = camera * vec4(p, 1.0);
}
