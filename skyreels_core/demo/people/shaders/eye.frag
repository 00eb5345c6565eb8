in vec3 v_normal, v_direction, v_position;
in vec4 v_exposure;
uniform vec3 iris_colour;
uniform mat3 gaze;
uniform float iris_size, pupil_size;      // radians
out vec4 colour;

void main() {
    vec3 d = normalize(gaze * normalize(v_direction));
    float angle = acos(clamp(d.z, -1.0, 1.0)), around = atan(d.y, d.x);
    float inside = smoothstep(iris_size + 0.035, iris_size - 0.035, angle);
    float t = angle / iris_size;
    vec3 iris = linear(iris_colour) * mix(1.7, 0.9, smoothstep(0.35, 1.0, t));
    iris *= 0.86 + 0.28 * noise(vec3(cos(around) * 9.0, sin(around) * 9.0, t * 2.0));
    iris *= mix(0.50, 1.65, smoothstep(0.35, -0.45, d.y));            // light gathers in the lower half
    iris = mix(iris, linear(iris_colour) * 0.12, smoothstep(0.74, 1.0, t));
    iris = mix(vec3(0.004), iris, smoothstep(pupil_size - 0.03, pupil_size + 0.03, angle));
    vec3 white = vec3(0.86, 0.84, 0.82) * mix(vec3(1.0), vec3(0.92, 0.72, 0.68), smoothstep(0.75, 1.25, angle));
    vec3 n = normalize(mix(normalize(v_normal), vec3(0, 0, 1), 0.35));
    float lid = mix(0.38, 1.0, smoothstep(0.60, 0.05, v_direction.y));  // shadow of the upper lid
    Surface s = Surface(mix(white, iris, inside), n, lid * mix(v_exposure.y, 1.0, 0.6), lid * mix(v_exposure.z, 1.0, 0.5), 0.35, 0.0, 8.0);
    vec3 light = shade(s, normalize(viewpoint - v_position));
    vec3 mirror = normalize(vec3(key_direction.xy * 0.42, 1.0)), spot = normalize(v_direction);
    float spark = smoothstep(0.20, 0.13, acos(clamp(dot(spot, mirror), -1.0, 1.0)));
    spark += 0.30 * smoothstep(0.12, 0.05, acos(clamp(dot(spot, normalize(vec3(-0.30 * sign(key_direction.x), -0.22, 1.0))), -1.0, 1.0)));
    colour = vec4(mix(display(light), vec3(1.0), clamp(spark, 0.0, 0.95)), 1.0);
}
