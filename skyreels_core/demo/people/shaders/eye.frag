in vec3 v_normal, v_direction, v_position;
in vec4 v_exposure;
uniform vec3 iris_colour;
uniform mat3 gaze;
uniform float iris_size, pupil_size;          // radians
out vec4 colour;

void main() {
    vec3 spot = normalize(v_direction), d = gaze * spot;
    float angle = acos(clamp(d.z, -1.0, 1.0)), t = angle / iris_size;
    float inside = smoothstep(iris_size + 0.035, iris_size - 0.035, angle);
    vec3 iris = iris_colour * mix(1.7, 0.9, smoothstep(0.35, 1.0, t));
    vec2 ray = d.xy / max(length(d.xy), 1e-3);
    iris *= 0.86 + 0.28 * noise(ray * 9.0 + t);
    iris *= mix(0.50, 1.65, smoothstep(0.35, -0.45, d.y));             // light gathers in the lower half
    iris = mix(iris, iris_colour * 0.12, smoothstep(0.74, 1.0, t));
    iris = mix(vec3(0.004), iris, smoothstep(pupil_size - 0.03, pupil_size + 0.03, angle));
    vec3 white = vec3(0.86, 0.84, 0.82) * mix(vec3(1.0), vec3(0.92, 0.72, 0.68), smoothstep(0.75, 1.25, angle));
    vec3 n = normalize(mix(normalize(v_normal), vec3(0, 0, 1), 0.35));
    float lid = mix(0.38, 1.0, smoothstep(0.60, 0.05, v_direction.y));  // shadow of the upper lid
    Surface s = Surface(mix(white, iris, inside), n, lid * mix(v_exposure.y, 1.0, 0.6), lid * mix(v_exposure.z, 1.0, 0.5), 0.35, 0.0);
    vec3 light = shade(s, normalize(viewpoint - v_position));
    vec3 mirror = normalize(vec3(key_direction.xy * 0.42, 1.0)), second = normalize(vec3(-0.30 * sign(key_direction.x), -0.22, 1.0));
    float spark = smoothstep(0.9801, 0.9916, dot(spot, mirror)) + 0.30 * smoothstep(0.9928, 0.9988, dot(spot, second));
    colour = vec4(mix(display(light), vec3(1.0), min(spark, 0.95)), 1.0);
}
