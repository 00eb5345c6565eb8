in vec2 v_place;
uniform sampler2D scenery;        // the background, drawn once
out vec4 colour;

void main() { colour = vec4(texture(scenery, v_place).rgb, 1.0); }
