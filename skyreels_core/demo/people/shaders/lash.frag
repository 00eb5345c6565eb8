in vec3 v_position;
uniform vec3 lash_colour;
out vec4 colour;

void main() { colour = vec4(lash_colour, 1.0); }
