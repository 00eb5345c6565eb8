in vec2 corner;
uniform float aspect;
out vec2 v_place;                 // height spans -1..1

void main() { v_place = corner * vec2(aspect, 1.0); gl_Position = vec4(corner, 0.9999, 1.0); }
