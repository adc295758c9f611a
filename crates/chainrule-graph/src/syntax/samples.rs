//! Texts that several tests read: every form of the language, as a lecturer writes it.

/// Names that a prelude would ship.
pub(crate) fn shipped(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "identity",
        "sigmoid",
        "σ",
        "tanh",
        "relu",
        "leakyrelu",
        "elu",
        "softplus",
        "softmax",
        "logsoftmax",
        "crossentropy",
        "binarycrossentropy",
        "bce",
        "halfmse",
        "mse",
        "step",
        "layernorm",
        "gelu",
    ];
    NAMES.contains(&super::fold(name).as_str())
}

/// Files without a mistake.
pub(crate) const GOOD: &[&str] = &[
    "
input  x : D                      # one example, a column; D comes from the data
target y : K one-hot
param  W1 : H×D ~ he,     b1 : H = 0
param  W2 : K×H ~ glorot, b2 : K = 0
where  H = 128

z1 = W1 x + b1
a1 = relu(z1)
z2 = W2 a1 + b2
ŷ  = softmax(z2)
L  = cross_entropy(y, ŷ)
minimize mean(L) + 1e-4/2 ‖W1‖²

data:  digits.csv.gz,  x = p* / 16,  y = digit,  hold out 20 % stratified
train: adam(lr = 1e-3), batch 32, epochs 30, seed 0
",
    "
z^{[1]} = W^{[1]}x + b^{[1]}
a^{[1]} = LeakyReLU(z^{[1]}, α = 0.01)
z^{[2]} = W^{[2]}x + b^{[2]}
\\hat{y} = \\text{softmax}(z^{[2]})
L = - \\sum_{i=1}^K y_i \\log(\\hat{y}_i)
",
    "
z1 = W1 x + b1
h = sigmoid(z1)
E = 1/2 ‖t − o‖²
a = W3 (W2 (W1 x + b1) + b2) + b3
p = softmax(0.5 f)
d0 = a b + b^3
d1 = d0 + 2 d0 + relu(b − a)
g = f / 2 + 10/f
M = 0.1 ‖w‖²
J = mean(bce(Y, A)) + ‖W1, W2‖² + ‖w‖_1
",
    "
input x : D
target t : 1 binary, q : K distribution, m : K multi-hot
param W_l : H×H ~ he for l = 2..N
param W1 : H x D ~ normal(0, 0.1), b : 3 = [1; 2; 3]
where N = 4, H = 8, act = tanh
const λ = 1e-4, μ = 0.9
a_0 = x
for l = 1..N: z_l = W_l a_{l-1} + b; a_l = act(z_l)
output: a4
examples: one
digits: 6
precision: f64
",
    "
# A gate of the user's own.
# source: somebody
# alias: mine
swish(z, β = 1) = z sigmoid(β z)
# The normalised exponential.
smax(z : K) = exp(z) / sum(exp(z))
  computed as exp(z − max(z)) / sum(exp(z − max(z)))
  derivative s ⊙ g
lrelu(z) = z if z ≥ 0 else 0.01 z   # at: z = 0 -> 0
clamp(z) = 0 if z < 0 else 1 if z > 1 and not z = 2 else z
optimizer sgdm(lr = 0.01, μ = 0.9):
  state v = 0
  v ← μ v + g
  θ ← θ − lr v
train: sgdm(lr = 0.1 · 0.95^epoch), batch full, clip 1, decay W* b1, stop after 10 min, checkpoint every 5 min
",
    "
W ∈ ℝ^{H×D}
x := [2.0; -1.0]
W1 := [1 0.5; -0.5 -1]
B := [1 2
      3 4]
v := [2 -1]
u := [2 - 1]
s = [x; W x]
r = W[2, 1] + x[1] + W[2, :] x
k = 1[x > 0] ⊙ x
n = −x² + e^-x + x^(T) + x^T
ŷ_i = exp(x_i) / ∑_j exp(x_j)
h = ∑_{j≠i} max(0, 1 + s_j − s_i) + |x| + √(2) − ∑ x log x
c = diag(s) − s sᵀ
d = (W ⊙ W) @ x * 2 · x
w = relu'(x) ⊙ x
train: adam, lbfgs
",
];
