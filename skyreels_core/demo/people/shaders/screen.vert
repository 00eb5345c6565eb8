in vec2 corner;
uniform vec2 drift;
out vec2 v_place;

void main() { v_place = 0.5 + 0.475 * (corner + drift); gl_Position = vec4(corner, 0.9999, 1.0); }
