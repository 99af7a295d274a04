"""What the materials of mesh.py look like: the programs of the graphics card.

THING draws anything that stands in the room; BACKDROP puts down the room itself, which was drawn once with and once
without its key light, and lets people cast their shadows on it; SHADOW fills shadow maps; BLUR smears what moved.
"""

THING_VERTEX = """#version 330
in vec3 at; in vec3 normal; in vec3 was; in vec3 colour; in vec3 place; in vec4 cut; in float material;
uniform mat4 view; uniform mat4 light;
out vec3 world, n, c, p; out vec4 k, lit, now, before; flat out float m;
void main() {
  world = at; n = normal; c = colour; p = place; k = cut; m = material; lit = light * vec4(at, 1);
  now = view * vec4(at, 1); before = view * vec4(was, 1); gl_Position = now;
}"""

SUN = """
uniform sampler2DShadow still_shadow, moving_shadow;
bool inside(vec3 q) { return q.x > 0. && q.x < 1. && q.y > 0. && q.y < 1.; }
float sun(sampler2DShadow map, vec4 lit) {
  vec3 q = lit.xyz * .5 + .5;
  if (!inside(q)) return 1.;
  vec2 e = vec2(.0011, .0005); float z = q.z - .0025;
  return .25 * (texture(map, vec3(q.xy + e, z)) + texture(map, vec3(q.xy - e, z))
              + texture(map, vec3(q.xy + vec2(-e.y, e.x), z)) + texture(map, vec3(q.xy + vec2(e.y, -e.x), z)));
}
"""

THING_FRAGMENT = (
    """#version 330
in vec3 world, n, c, p; in vec4 k, lit, now, before; flat in float m;
layout(location = 0) out vec4 colour_out; layout(location = 1) out vec2 motion_out;
uniform vec3 eye, key_to, key_light, fill_to, fill_light, sky, ground;
uniform sampler2DArray textures; uniform sampler2D mirrored;
uniform vec4 outfit;  // sleeve end, shirt hem, leg hem, waist (places on arm, trunk, leg, trunk)
uniform vec3 trim; uniform vec2 stripes; uniform float belt; uniform vec4 clip; uniform vec2 size; uniform float gain;
"""
    + SUN
    + """
float hash(vec3 x) {
  x = fract(x * .3183099 + vec3(.1, .17, .13)) * 17.;
  return fract(x.x * x.y * x.z * (x.x + x.y + x.z));
}
float cloud(vec3 x) {  // smooth noise 0-1; in Mesa's software quicker than a look-up in a noise texture
  vec3 i = floor(x), f = fract(x), u = f * f * (3. - 2. * f); vec2 e = vec2(0, 1);
  vec4 low = vec4(hash(i), hash(i + e.yxx), hash(i + e.xyx), hash(i + e.yyx));
  vec4 high = vec4(hash(i + e.xxy), hash(i + e.yxy), hash(i + e.xyy), hash(i + e.yyy));
  vec4 a = mix(low, high, u.z); vec2 b = mix(a.xz, a.yw, u.x);
  return mix(b.x, b.y, u.y);
}
vec3 ruffle(vec3 x) { return vec3(cloud(x), cloud(x + 9.), cloud(x * .6 + 31.)) - .5; }
vec3 shown(vec3 light) {  // a film's tone curve
  light = max(light * gain - .002, 0.);
  return (light * (6.2 * light + .5)) / (light * (6.2 * light + 1.7) + .06);
}
void main() {
  int kind = int(m + .5);
  if (dot(world, clip.xyz) < clip.w) discard;
  vec3 a = c;
  if (kind == 1) {  // skin, left out where cloth covers it
    bool shirt = k.z > outfit.y + .03 && k.y < outfit.x - .07, legs = k.z <= outfit.w && k.x < outfit.z - .06;
    if (k.w < .5 && (shirt || legs)) discard;
  } else if (kind == 2) {
    if (k.z < outfit.y - .01 + .006 * cloud(p * 40.) || k.y > outfit.x || k.w > .5) discard;
  } else if (kind == 3 && (k.z > min(outfit.w, outfit.y + .008) || k.x > outfit.z)) discard;  // not under the shirt
  motion_out = .5 * (now.xy / now.w - before.xy / before.w);
  if (kind == 11) {
    colour_out = vec4(texture(mirrored, gl_FragCoord.xy / size).rgb * vec3(.86, .9, .89), 1);
    motion_out = vec2(0); return;
  }
  if (kind == 10) { colour_out = vec4(pow(min(a * gain * 1.6, 1.), vec3(1. / 2.2)), 1); return; }
  vec3 N = normalize(n), V = normalize(eye - world);
  float shine = .05, sharp = 12., soft = 0.;
  if (dot(N, V) < 0.) N = -N;
  if (kind == 1) {
    float q = cloud(p * 9.) + .5 * cloud(p * 28.);
    a *= .87 + .2 * q; a = mix(a, a * vec3(1.05, .92, .9), cloud(p * 5.)); a *= .97 + .06 * cloud(p * 200.);
    shine = .10; sharp = 14.; soft = .18;
  } else if (kind == 2) {  // shirt
    a *= .82 + .26 * (cloud(p * vec3(16, 16, 9)) + .5 * cloud(p * 31.));
    N = normalize(N + vec3(.55, .55, .35) * ruffle(p * vec3(24, 24, 7)));
    if (stripes.x > .5 && abs(fract(k.z * stripes.y) - .5) < .14) a = trim;
    if (k.y > outfit.x - .025 || k.z < outfit.y + .015) a *= .78;
    shine = .02;
    if (belt > .5 && k.y < -.2 && abs(k.z - .33) < .065) { a = vec3(.035, .03, .028); N = normalize(n); shine = .2; }
  } else if (kind == 3) {  // shorts, leggings
    a *= .82 + .28 * (cloud(p * vec3(14, 14, 8)) + .5 * cloud(p * 33.));
    N = normalize(N + vec3(.5, .5, .3) * ruffle(p * vec3(20, 20, 6)));
    if (stripes.y > 9. && abs(p.x) > .13 && abs(p.y) < .025) a = trim;
    if (k.x > outfit.z - .03 || k.z > outfit.w - .035) a *= .72;
    shine = .03;
  } else if (kind == 4) {  // hair
    float q = cloud(p * vec3(110, 110, 22)); a *= .5 + .85 * q; shine = .12; sharp = 18.;
    N = normalize(N + .7 * ruffle(p * vec3(110, 110, 20)) * vec3(1, 1, 0));
  } else if (kind == 5) {  // shoe
    if (k.x < .022) a = trim * .3 + .6; else if (k.x > .055) a *= .7;
    a *= .85 + .25 * cloud(p * 60.); shine = .08;
  } else if (kind == 6) { shine = .5; sharp = 60.;
  } else if (kind == 7) { shine = .5; sharp = 40.; a *= .88 + .16 * cloud(p * 35.);
  } else if (kind == 8) { shine = .12; sharp = 20.; a *= .9 + .15 * cloud(p * 60.);
  } else if (kind == 20) { a *= texture(textures, p).rgb * 1.6; shine = .04; }
  float seen = min(sun(still_shadow, lit), sun(moving_shadow, lit));
  float d0 = max((dot(N, key_to) + soft) / (1. + soft), 0.) * seen;
  float d1 = max((dot(N, fill_to) + soft) / (1. + soft), 0.);
  vec3 around = mix(ground, sky, .5 + .5 * N.z);
  float open = kind < 20 ? .72 + .28 * smoothstep(0., .9, world.z) : 1.;
  vec3 H0 = normalize(key_to + V), H1 = normalize(fill_to + V);
  vec3 L = a * (around * open + key_light * d0 + fill_light * d1);
  L += shine * (key_light * seen * pow(max(dot(N, H0), 0.), sharp) + fill_light * pow(max(dot(N, H1), 0.), sharp));
  if (kind == 1) L += a * vec3(.5, .2, .13) * .25 * pow(1. - max(dot(N, V), 0.), 3.) * around;
  colour_out = vec4(shown(L), 1);
}"""
)

SQUARE_VERTEX = """#version 330
in vec2 corner; out vec2 uv; void main() { uv = corner * .5 + .5; gl_Position = vec4(corner, 0, 1); }"""

BACKDROP_FRAGMENT = (
    """#version 330
in vec2 uv; layout(location = 0) out vec4 colour_out; layout(location = 1) out vec2 motion_out;
uniform sampler2D bright, shaded, depths; uniform mat4 room_from_view, light; uniform vec3 feet[2];
"""
    + SUN
    + """
void main() {
  float z = texture(depths, uv).r;
  gl_FragDepth = z; motion_out = vec2(0);
  vec4 at = room_from_view * vec4(vec3(uv, z) * 2. - 1., 1); at.xyz /= at.w;
  vec4 lit = light * vec4(at.xyz, 1);
  vec3 colour = texture(bright, uv).rgb;
  if (inside(lit.xyz * .5 + .5)) {
    float seen = sun(moving_shadow, lit);
    if (seen < 1.) colour = mix(texture(shaded, uv).rgb, colour, seen);
    if (at.z < .05) for (int i = 0; i < 2; i++) {  // feet darken the floor where they touch it
      vec2 d = at.xy - feet[i].xy;
      colour *= 1. - .3 * exp(-dot(d, d) * 26.) * (1. - smoothstep(.0, .12, feet[i].z));
    }
  }
  colour_out = vec4(colour, 1);
}"""
)

SHADOW_VERTEX = """#version 330
in vec3 at; uniform mat4 light; void main() { gl_Position = light * vec4(at, 1); }"""
SHADOW_FRAGMENT = "#version 330\nvoid main() {}"

BLUR_FRAGMENT = """#version 330
in vec2 uv; out vec4 colour_out; uniform sampler2D picture, motion; uniform float shutter;
void main() {   // samples along the fastest motion nearby, so that a moving edge also blurs over what stands behind it
  vec2 v = texture(motion, uv).xy;
  for (int i = 0; i < 4; i++) {
    vec2 w = texture(motion, uv + vec2(i < 2 ? .008 : 0., i < 2 ? 0. : .008) * (i % 2 == 0 ? 1. : -1.)).xy;
    if (dot(w, w) > dot(v, v)) v = w;
  }
  vec3 sum = texture(picture, uv).rgb;
  if (dot(v, v) < 1e-6) { colour_out = vec4(sum, 1); return; }
  for (int i = 0; i < 6; i++) sum += texture(picture, uv + v * shutter * ((float(i) + .5) / 6. - .5)).rgb;
  colour_out = vec4(sum / 7., 1);
}"""
