uniform vec3 lash_colour;
out vec4 colour;

void main() { colour = vec4(sqrt(lash_colour), 1.0); }
