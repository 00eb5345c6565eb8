in vec3 v_direction;
in vec4 v_paint;
uniform float label;              // of the part: 1 skin, 6 eye
uniform mat3 gaze;
uniform float pupil_size;
out vec4 colour;

void main() {
    float number = label;
    if (label == 1.0 && v_paint.y > 0.5) number = 2.0;
    if (label == 1.0 && v_paint.x > 0.3) number = 3.0;
    if (label == 6.0 && acos(clamp(normalize(gaze * normalize(v_direction)).z, -1.0, 1.0)) < pupil_size) number = 10.0;
    colour = vec4(vec3(number / 255.0), 1.0);
}
