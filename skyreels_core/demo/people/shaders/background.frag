in vec2 v_place;
uniform vec3 near_colour, far_colour;
uniform int shapes;
uniform vec4 boxes[12];           // centre, half sizes
uniform vec4 tints[12];           // colour, opacity
uniform vec2 edges[12];           // corner radius, blur
out vec4 colour;

void main() {
    float away = length((v_place - vec2(0.0, 0.15)) * vec2(0.8, 0.75));
    vec3 c = mix(near_colour, far_colour, smoothstep(0.1, 1.25, away));
    for (int i = 0; i < shapes; i++) {
        vec2 q = abs(v_place - boxes[i].xy) - boxes[i].zw + edges[i].x;
        float d = length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - edges[i].x;
        c = mix(c, tints[i].rgb, tints[i].a * smoothstep(edges[i].y, -edges[i].y, d));
    }
    colour = vec4(c * (1.0 - 0.10 * smoothstep(0.7, 1.5, length(v_place))), 1.0);
}
