//! A plain f64 implementation to compare with, and random problems.
#![allow(dead_code, reason = "each test file uses a part")]

/// xorshift64*, uniform in [0, 1).
pub(crate) struct Rng(pub u64);

impl Rng {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn vec(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.next()).collect()
    }
}

/// A random problem: R uniform, C uniform with a share of zeros, X and Y in [-0.5, 0.5).
pub(crate) struct Problem {
    pub m: usize,
    pub n: usize,
    pub d: usize,
    pub r: Vec<f64>,
    pub c: Vec<f64>,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
}

impl Problem {
    pub(crate) fn random(m: usize, n: usize, d: usize, zeros: f64) -> Self {
        let mut rng = Rng((m * 1_000_003 + n * 101 + d + 1) as u64);
        let r = rng.vec(m * n);
        let c = (0..m * n)
            .map(|_| {
                let (keep, c) = (rng.next() >= zeros, rng.next());
                if keep { c } else { 0.0 }
            })
            .collect();
        let x = rng.vec(d * m).iter().map(|v| v - 0.5).collect();
        let y = rng.vec(d * n).iter().map(|v| v - 0.5).collect();
        Self { m, n, d, r, c, x, y }
    }
}

/// Solves the symmetric positive definite system by Cholesky; `a` is n x n.
pub(crate) fn solve(a: &mut [f64], b: &mut [f64]) {
    let n = b.len();
    for j in 0..n {
        for k in 0..j {
            for i in j..n {
                a[i * n + j] -= a[i * n + k] * a[j * n + k];
            }
        }
        let root = a[j * n + j].sqrt();
        for i in j..n {
            a[i * n + j] /= root;
        }
    }
    for i in 0..n {
        for k in 0..i {
            b[i] -= a[i * n + k] * b[k];
        }
        b[i] /= a[i * n + i];
    }
    for i in (0..n).rev() {
        for k in i + 1..n {
            b[i] -= a[k * n + i] * b[k];
        }
        b[i] /= a[i * n + i];
    }
}

/// One weighted ridge solution: `(F diag(c) F^T + lambda I)^-1 F diag(c) r`, F being d x len.
pub(crate) fn ridge(f: &[f64], d: usize, r: &[f64], c: &[f64], lambda: f64) -> Vec<f64> {
    let len = r.len();
    let mut a = vec![0.0; d * d];
    let mut b = vec![0.0; d];
    for i in 0..d {
        for j in 0..d {
            a[i * d + j] = (0..len).map(|u| c[u] * f[i * len + u] * f[j * len + u]).sum();
        }
        a[i * d + i] += lambda;
        b[i] = (0..len).map(|u| c[u] * r[u] * f[i * len + u]).sum();
    }
    solve(&mut a, &mut b);
    b
}

fn column(a: &[f64], n: usize, i: usize) -> Vec<f64> {
    a.iter().skip(i).step_by(n).copied().collect()
}

/// All y_i, for the columns in `which`: `(i, y_i)`.
pub(crate) fn instances(p: &Problem, lambda: f64, which: &[usize]) -> Vec<(usize, Vec<f64>)> {
    which
        .iter()
        .map(|&i| {
            let (r, c) = (column(&p.r, p.n, i), column(&p.c, p.n, i));
            (i, ridge(&p.x, p.d, &r, &c, lambda))
        })
        .collect()
}

/// All x_u, for the rows in `which`.
pub(crate) fn classifiers(p: &Problem, lambda: f64, which: &[usize]) -> Vec<(usize, Vec<f64>)> {
    which
        .iter()
        .map(|&u| {
            let row = u * p.n..(u + 1) * p.n;
            (u, ridge(&p.y, p.d, &p.r[row.clone()], &p.c[row], lambda))
        })
        .collect()
}

/// `sum c (r - x.y)^2`.
pub(crate) fn error(p: &Problem) -> f64 {
    let mut sum = 0.0;
    for u in 0..p.m {
        for i in 0..p.n {
            let dot: f64 = (0..p.d).map(|k| p.x[k * p.m + u] * p.y[k * p.n + i]).sum();
            sum += p.c[u * p.n + i] * (p.r[u * p.n + i] - dot).powi(2);
        }
    }
    sum
}

/// Largest absolute difference between column `i` of the row-major matrix and `expected`.
pub(crate) fn column_deviation(a: &[f64], cols: usize, i: usize, expected: &[f64]) -> f64 {
    column(a, cols, i)
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |worst, d| if d <= worst { worst } else { d })
}
