"""What the materials of mesh.py look like: one pair of shaders for everything, one for shadows, one for motion blur."""

VERTEX = """#version 330
in vec3 at; in vec3 normal; in vec3 was; in vec3 colour; in vec3 place; in vec4 cut; in float material;
uniform mat4 view; uniform mat4 light; uniform mat4 view_was;
out vec3 world, n, c, p; out vec4 k, lit, now, before; flat out float m;
void main() {
  world = at; n = normal; c = colour; p = place; k = cut; m = material; lit = light * vec4(at, 1);
  now = view * vec4(at, 1); before = view_was * vec4(was, 1); gl_Position = now;
}"""

FRAGMENT = """#version 330
in vec3 world, n, c, p; in vec4 k, lit, now, before; flat in float m;
layout(location = 0) out vec4 colour_out; layout(location = 1) out vec2 motion_out;
uniform vec3 eye, key_to, key_light, fill_to, fill_light, sky, ground;
uniform sampler2DShadow shadow; uniform sampler2DArray textures; uniform sampler2D mirrored;
uniform vec4 outfit;      // sleeve end, shirt hem, leg hem, waist (places on arm, trunk, leg, trunk)
uniform vec3 trim; uniform vec2 stripes; uniform vec3 feet[2]; uniform vec4 clip; uniform vec2 size; uniform float gain;

float hash(vec3 x) { x = fract(x * .3183099 + vec3(.1, .17, .13)); x *= 17.; return fract(x.x * x.y * x.z * (x.x + x.y + x.z)); }
float cloud(vec3 x) {
  vec3 i = floor(x), f = fract(x); f = f * f * (3. - 2. * f);
  return mix(mix(mix(hash(i), hash(i + vec3(1,0,0)), f.x), mix(hash(i + vec3(0,1,0)), hash(i + vec3(1,1,0)), f.x), f.y),
             mix(mix(hash(i + vec3(0,0,1)), hash(i + vec3(1,0,1)), f.x), mix(hash(i + vec3(0,1,1)), hash(i + vec3(1,1,1)), f.x), f.y), f.z);
}
float sun() {
  vec3 q = lit.xyz / lit.w * .5 + .5;
  if (q.x < 0. || q.x > 1. || q.y < 0. || q.y > 1.) return 1.;
  vec2 e = vec2(.0011, .0005); float z = q.z - .0025;
  return .25 * (texture(shadow, vec3(q.xy + e, z)) + texture(shadow, vec3(q.xy - e, z))
              + texture(shadow, vec3(q.xy + vec2(-e.y, e.x), z)) + texture(shadow, vec3(q.xy + vec2(e.y, -e.x), z)));
}
vec3 shown(vec3 light) { light = max(light * gain - .002, 0.); return (light * (6.2 * light + .5)) / (light * (6.2 * light + 1.7) + .06); }

void main() {
  int kind = int(m + .5);
  if (dot(world, clip.xyz) < clip.w) discard;
  motion_out = .5 * (now.xy / now.w - before.xy / before.w);
  vec3 N = normalize(n), V = normalize(eye - world), a = c; float shine = .05, sharp = 12., soft = 0.;
  if (kind != 10 && dot(N, V) < 0.) N = -N;
  if (kind == 11) { vec3 r = texture(mirrored, gl_FragCoord.xy / size).rgb; colour_out = vec4(r * vec3(.86, .9, .89), 1); motion_out = vec2(0); return; }
  if (kind == 10) { colour_out = vec4(pow(min(a * gain * 1.6, 1.), vec3(1. / 2.2)), 1); return; }
  if (kind == 1) {          // skin, left out where cloth covers it
    if (k.w < .5 && ((k.z > outfit.y + .03 && k.y < outfit.x - .07) || (k.z <= outfit.w && k.x < outfit.z - .06))) discard;
    float q = cloud(p * 9.) + .5 * cloud(p * 28.);
    a *= .9 + .16 * q; a = mix(a, a * vec3(1.05, .92, .9), cloud(p * 5.)); a *= .97 + .06 * cloud(p * 420.); shine = .10; sharp = 14.; soft = .18;
  } else if (kind == 2) {   // shirt
    if (k.z < outfit.y - .01 + .006 * cloud(p * 40.) || k.y > outfit.x || k.w > .5) discard;
    a *= .86 + .2 * (cloud(p * vec3(16, 16, 9)) + .5 * cloud(p * 31.));
    N = normalize(N + .34 * vec3(cloud(p * vec3(24, 24, 7)) - .5, cloud(p * vec3(24, 24, 7) + 9.) - .5, .6 * cloud(p * 13. + 31.) - .3));
    if (stripes.x > .5 && abs(fract(k.z * stripes.y) - .5) < .14) a = trim;
    if (k.y > outfit.x - .025 || k.z < outfit.y + .015) a *= .78; shine = .02;
  } else if (kind == 3) {   // shorts, leggings
    if (k.z > outfit.w || k.x > outfit.z) discard;
    a *= .86 + .22 * (cloud(p * vec3(14, 14, 8)) + .5 * cloud(p * 33.));
    N = normalize(N + .32 * vec3(cloud(p * vec3(20, 20, 6)) - .5, cloud(p * vec3(20, 20, 6) + 9.) - .5, .5 * cloud(p * 11. + 31.) - .25));
    if (stripes.y > 9. && abs(p.x) > .13 && abs(p.y) < .025) a = trim;
    if (k.x > outfit.z - .03 || k.z > outfit.w - .035) a *= .72; shine = .03;
  } else if (kind == 4) {   // hair
    float q = cloud(p * vec3(130, 130, 22)); a *= .55 + .75 * q; shine = .12; sharp = 18.;
    N = normalize(N + .5 * vec3(q - .5, cloud(p * vec3(110, 110, 20) + 5.) - .5, 0));
  } else if (kind == 5) { if (k.x < .022) a = trim * .3 + .6; else if (k.x > .055) a *= .7; a *= .85 + .25 * cloud(p * 60.); shine = .08; }
  else if (kind == 6) { shine = .5; sharp = 60.; }
  else if (kind == 7) { shine = .5; sharp = 40.; a *= .88 + .16 * cloud(p * 35.); }
  else if (kind == 8) { shine = .12; sharp = 20.; a *= .9 + .15 * cloud(p * 60.); }
  else if (kind == 20) { a *= texture(textures, p).rgb * 1.6; shine = .04; }
  float seen = sun(), d0 = max((dot(N, key_to) + soft) / (1. + soft), 0.) * seen, d1 = max((dot(N, fill_to) + soft) / (1. + soft), 0.);
  vec3 around = mix(ground, sky, .5 + .5 * N.z);
  float open = 1.;
  if (kind < 20) open = .72 + .28 * smoothstep(0., .9, world.z);
  else if (N.z > .8 && world.z < .05) for (int i = 0; i < 2; i++) { vec2 d = world.xy - feet[i].xy; open -= .42 * exp(-dot(d, d) * 26.) * (1. - smoothstep(.0, .12, feet[i].z)); }
  vec3 H0 = normalize(key_to + V), H1 = normalize(fill_to + V);
  vec3 L = a * (around * max(open, .3) + key_light * d0 + fill_light * d1);
  L += shine * (key_light * seen * pow(max(dot(N, H0), 0.), sharp) + fill_light * pow(max(dot(N, H1), 0.), sharp));
  if (kind == 1) L += a * vec3(.5, .2, .13) * .25 * pow(1. - max(dot(N, V), 0.), 3.) * around;
  colour_out = vec4(shown(L), 1);
}"""

SHADOW_VERTEX = """#version 330
in vec3 at; uniform mat4 light; void main() { gl_Position = light * vec4(at, 1); }"""
SHADOW_FRAGMENT = "#version 330\nvoid main() {}"

BLUR_VERTEX = """#version 330
in vec2 corner; out vec2 uv; void main() { uv = corner * .5 + .5; gl_Position = vec4(corner, 0, 1); }"""
BLUR_FRAGMENT = """#version 330
in vec2 uv; out vec4 colour_out; uniform sampler2D picture, motion; uniform float shutter;
void main() {   // samples along the fastest motion nearby, so that a moving edge also blurs over what stands behind it
  vec2 v = texture(motion, uv).xy;
  for (int i = 0; i < 4; i++) {
    vec2 w = texture(motion, uv + vec2(i < 2 ? .008 : 0., i < 2 ? 0. : .008) * (i % 2 == 0 ? 1. : -1.)).xy;
    if (dot(w, w) > dot(v, v)) v = w;
  }
  vec3 sum = texture(picture, uv).rgb;
  if (dot(v, v) < 1e-7) { colour_out = vec4(sum, 1); return; }
  for (int i = 0; i < 6; i++) sum += texture(picture, uv + v * shutter * ((float(i) + .5) / 6. - .5)).rgb;
  colour_out = vec4(sum / 7., 1);
}"""
