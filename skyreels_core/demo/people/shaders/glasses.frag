in vec3 v_normal, v_position;
in vec4 v_exposure;
uniform vec3 frame_colour;
uniform float label;                          // above 0: this number is drawn instead of colours
out vec4 colour;

void main() {
    if (label > 0.0) { colour = vec4(vec3(label / 255.0), 1.0); return; }
    Surface s = Surface(frame_colour, normalize(v_normal), 0.55 * v_exposure.y, v_exposure.z, 0.05, 0.12);
    colour = vec4(display(shade(s, normalize(viewpoint - v_position))), 1.0);
}
