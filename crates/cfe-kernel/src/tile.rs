//! One tile of the instance update, compiled per instruction set: packing, systems, solutions.

use super::factor::{Dual, MAX_LANES, Ridge, Solve, factor_len};
use super::pack::{PAIR, Panels, panel_width, vech_panel};
use super::product::lane_product;
use super::simd::Scalar;
use super::workspace::Scratch;
use super::{first_bad, split, triangle};
use pulp::{Simd, WithSimd};

/// Z is packed once if it is no larger than this; otherwise each tile forms it panel by panel.
const MAX_STORED_Z_BYTES: usize = 4 << 20;
/// Systems held at once per thread where Z is formed on the fly (then several micro-tiles share a panel).
const SYSTEM_BYTES: usize = 4 << 20;

/// What all jobs share.
pub struct Problem<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) m: usize,
    pub(crate) d: usize,
    pub(crate) lambda: T,
    /// X^T in panels.
    rhs: Panels<T>,
    form: Form<T>,
}

impl<T> Problem<'_, T> {
    pub(crate) fn is_dual(&self) -> bool {
        matches!(self.form, Form::Dual(_))
    }

    pub(crate) fn on_the_fly(&self) -> bool {
        matches!(self.form, Form::PrimalOnTheFly)
    }
}

/// How the instances' systems come about.
pub(crate) enum Form<T> {
    /// Z in panels.
    Primal(Panels<T>),
    /// Z is too large to store.
    PrimalOnTheFly,
    /// Lower triangle of X^T X.
    Dual(Vec<T>),
}

/// Packs X once per update.
pub struct Prepare<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) m: usize,
    pub(crate) d: usize,
    pub(crate) lambda: T,
}

impl<'a, T: Scalar> WithSimd for Prepare<'a, T> {
    type Output = Problem<'a, T>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Problem<'a, T> {
        let Self { x, m, d, lambda } = self;
        let form = if m < d && lambda > T::ZERO {
            Form::Dual(shared_gram(x, m))
        } else if m * triangle(d) * size_of::<T>() <= MAX_STORED_Z_BYTES {
            Form::Primal(Panels::vech::<S>(x, m, d))
        } else {
            Form::PrimalOnTheFly
        };
        Problem { x, m, d, lambda, rhs: Panels::transposed::<S>(x, m, d), form }
    }
}

/// Lower triangle of X^T X, row by row; X is d x m.
fn shared_gram<T: Scalar>(x: &[T], m: usize) -> Vec<T> {
    let mut gram = vec![T::ZERO; triangle(m)];
    if m == 0 {
        return gram;
    }
    for row in x.chunks_exact(m) {
        for (i, &a) in row.iter().enumerate() {
            for (out, &b) in gram[triangle(i)..].iter_mut().zip(&row[..=i]) {
                *out += a * b;
            }
        }
    }
    gram
}

/// Packs one row of the cells of a tile, `r` and `c` (whole micro-tiles): `left` gets c and `right` gets
/// c r, or r where not `weighted`, as `[micro-tile][classifier][register of the pair]`.
pub struct PackPair<'a, T> {
    pub(crate) r: &'a [T],
    pub(crate) c: &'a [T],
    pub(crate) u: usize,
    pub(crate) m: usize,
    pub(crate) weighted: bool,
    pub(crate) left: &'a mut [T],
    pub(crate) right: &'a mut [T],
}

impl<T: Scalar> WithSimd for PackPair<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rs = T::registers::<S>(self.r).as_chunks::<PAIR>().0;
        let cs = T::registers::<S>(self.c).as_chunks::<PAIR>().0;
        let left = T::registers_mut::<S>(self.left).as_chunks_mut::<PAIR>().0;
        let right = T::registers_mut::<S>(self.right).as_chunks_mut::<PAIR>().0;
        let outs = left.iter_mut().zip(right).skip(self.u).step_by(self.m);
        for ((left, right), (r, c)) in outs.zip(rs.iter().zip(cs)) {
            *left = *c;
            *right = *r;
            if self.weighted {
                right[0] = T::times(simd, c[0], r[0]);
                right[1] = T::times(simd, c[1], r[1]);
            }
        }
    }
}

/// Forms and solves the systems of a packed tile (in `scratch`) of `count` instances and writes the
/// solutions to the columns of `rows` from `offset` on. The output is the first that failed.
pub struct SolveTile<'a, 'b, T> {
    pub(crate) problem: &'a Problem<'a, T>,
    pub(crate) scratch: &'a mut Scratch<T>,
    pub(crate) rows: &'a mut [&'b mut [T]],
    pub(crate) offset: usize,
    pub(crate) count: usize,
}

impl<T: Scalar> WithSimd for SolveTile<'_, '_, T> {
    type Output = Option<usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Option<usize> {
        match &self.problem.form {
            Form::Primal(z) => self.primal(simd, Some(z)),
            Form::PrimalOnTheFly => self.primal(simd, None),
            Form::Dual(gram) => self.dual(simd, gram),
        }
    }
}

impl<T: Scalar> SolveTile<'_, '_, T> {
    /// d x d systems: accumulate, solve, write out, a group of micro-tiles at a time.
    #[inline(always)]
    fn primal<S: Simd>(self, simd: S, z: Option<&Panels<T>>) -> Option<usize> {
        let Problem { x, m, d, .. } = *self.problem;
        let (width, micro) = (T::width::<S>(), PAIR * T::width::<S>());
        let entries = triangle(d) + d;
        let tiles = self.count.div_ceil(micro);
        let (group, formed) = match z {
            Some(_) => (1, 0),
            None => {
                let fit = SYSTEM_BYTES / (entries * micro * size_of::<T>());
                (fit.clamp(1, 8), m * panel_width::<S>())
            }
        };
        let cells = self.scratch.left.get(tiles * micro * m);
        let weighted = self.scratch.right.get(tiles * micro * m);
        let systems = self.scratch.systems.get(group * entries * micro);
        let work = self.scratch.factor.get(factor_len(d) * width);
        let formed = self.scratch.panel.get(formed);
        let mut out = Output::new(self.rows, self.offset, self.count, width);
        for first in (0..tiles).step_by(group) {
            let members = first..tiles.min(first + group);
            for (start, columns) in split(triangle(d), panel_width::<S>()) {
                let panel = match z {
                    Some(z) => z.get(start, columns),
                    None => {
                        let panel = &mut formed[..m * columns];
                        vech_panel(x, m, start, columns, panel);
                        panel
                    }
                };
                for t in members.clone() {
                    let left = &cells[t * micro * m..][..micro * m];
                    let at = pair_of(systems, t - first, entries * width, start * width);
                    lane_product(simd, left, panel, columns, at);
                }
            }
            for (start, columns) in split(d, panel_width::<S>()) {
                let panel = self.problem.rhs.get(start, columns);
                for t in members.clone() {
                    let left = &weighted[t * micro * m..][..micro * m];
                    let start = (triangle(d) + start) * width;
                    let at = pair_of(systems, t - first, entries * width, start);
                    lane_product(simd, left, panel, columns, at);
                }
            }
            for (slot, a) in systems.chunks_exact_mut(entries * width).enumerate() {
                let register = first * PAIR + slot;
                if register >= members.end * PAIR {
                    break;
                }
                let good =
                    simd.vectorize(Solve { system: Ridge { lambda: self.problem.lambda }, n: d, a, work });
                out.flags(register, &good);
                out.store::<S>(register, &a[triangle(d) * width..]);
            }
        }
        out.failed
    }

    /// m x m systems: factor from the shared Gram matrix, solve, multiply by X, write out.
    #[inline(always)]
    fn dual<S: Simd>(self, simd: S, gram: &[T]) -> Option<usize> {
        let Problem { m, d, .. } = *self.problem;
        let (width, micro) = (T::width::<S>(), PAIR * T::width::<S>());
        let entries = triangle(m) + m;
        let tiles = self.count.div_ceil(micro);
        let cells = self.scratch.left.get(tiles * micro * m);
        let unknowns = self.scratch.right.get(tiles * micro * m);
        let a = self.scratch.systems.get(entries * width);
        let work = self.scratch.factor.get(factor_len(m) * width);
        let results = self.scratch.lanes.get(micro * d);
        let mut out = Output::new(self.rows, self.offset, self.count, width);
        for t in 0..tiles {
            let weights = &cells[t * micro * m..][..micro * m];
            let unknowns = &mut unknowns[t * micro * m..][..micro * m];
            for member in 0..PAIR {
                let system = Dual { shared: gram, weights, member, lambda: self.problem.lambda };
                let pairs = T::registers_mut::<S>(unknowns).as_chunks_mut::<PAIR>().0;
                let rhs = &mut T::registers_mut::<S>(a)[triangle(m)..];
                for (rhs, r) in rhs.iter_mut().zip(&*pairs) {
                    *rhs = r[member];
                }
                let good = simd.vectorize(Solve { system, n: m, a, work });
                out.flags(t * PAIR + member, &good);
                let solved = &T::registers::<S>(a)[triangle(m)..];
                for (r, solved) in pairs.iter_mut().zip(solved) {
                    r[member] = *solved;
                }
            }
            for (start, columns) in split(d, panel_width::<S>()) {
                let at = pair_of(results, 0, d * width, start * width);
                let panel = self.problem.rhs.get(start, columns);
                lane_product(simd, unknowns, panel, columns, at);
            }
            for (member, y) in results.chunks_exact(d * width).enumerate() {
                out.store::<S>(t * PAIR + member, y);
            }
        }
        out.failed
    }
}

/// The two registers' outputs of micro-tile `t` from element `start` of each on; a register's outputs take
/// `len` elements.
#[inline(always)]
fn pair_of<T>(outputs: &mut [T], t: usize, len: usize, start: usize) -> [&mut [T]; PAIR] {
    let (low, high) = outputs[t * PAIR * len..][..PAIR * len].split_at_mut(len);
    [&mut low[start..], &mut high[start..]]
}

/// Where the solutions of a tile go. Registers are counted through the tile.
struct Output<'a, 'b, T> {
    rows: &'a mut [&'b mut [T]],
    offset: usize,
    count: usize,
    width: usize,
    /// The first failing instance.
    failed: Option<usize>,
}

impl<'a, 'b, T: Scalar> Output<'a, 'b, T> {
    #[inline(always)]
    fn new(rows: &'a mut [&'b mut [T]], offset: usize, count: usize, width: usize) -> Self {
        Self { rows, offset, count, width, failed: None }
    }

    /// First lane of the register, and how many of its lanes are instances.
    #[inline(always)]
    fn lanes(&self, register: usize) -> (usize, usize) {
        let first = register * self.width;
        (first, self.width.min(self.count.saturating_sub(first)))
    }

    /// Notes which lanes failed.
    #[inline(always)]
    fn flags(&mut self, register: usize, good: &[T]) {
        let (first, lanes) = self.lanes(register);
        let bad = first_bad(good, lanes).map(|lane| first + lane);
        self.failed = self.failed.or(bad);
    }

    /// Copies the lane-interleaved `y` (latent row k at `k * width`) to the columns of Y.
    #[inline(always)]
    fn store<S: Simd>(&mut self, register: usize, y: &[T]) {
        let (first, lanes) = self.lanes(register);
        let at = (self.offset + first).min(self.offset + self.count);
        for (row, value) in self.rows.iter_mut().zip(T::registers::<S>(y)) {
            let out = &mut row[at..at + lanes];
            if let Some(out) = T::registers_mut::<S>(out).first_mut() {
                *out = *value;
                continue;
            }
            let mut short = [T::ZERO; MAX_LANES];
            if let Some(first) = T::registers_mut::<S>(&mut short).first_mut() {
                *first = *value;
            }
            out.copy_from_slice(&short[..lanes]);
        }
    }
}
