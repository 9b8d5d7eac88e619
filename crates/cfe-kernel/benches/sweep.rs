//! The parts of a sweep at several sizes: `cargo bench -p cfe-kernel`. Items are instances.

use cfe_kernel::{
    DenseCells, Scalar, Workspace, update_classifiers, update_instances, weighted_squared_error,
};
use divan::Bencher;
use divan::counter::ItemsCount;

/// (m, n, d).
const SIZES: [(usize, usize, usize); 3] = [(50, 20_000, 20), (10, 20_000, 15), (20, 100_000, 8)];

fn main() {
    divan::main();
}

/// R, C, X and Y with entries from a plain congruential generator; what they are does not change the time.
struct Case<T> {
    r: Vec<T>,
    c: Vec<T>,
    x: Vec<T>,
    y: Vec<T>,
}

impl<T: Scalar> Case<T> {
    fn new((m, n, d): (usize, usize, usize)) -> Self {
        let mut state = 1_u64;
        let mut draw = |count: usize| -> Vec<T> {
            let next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                T::from_f64((state >> 40) as f64 / (1 << 24) as f64)
            };
            std::iter::repeat_with(next).take(count).collect()
        };
        Self { r: draw(m * n), c: draw(m * n), x: draw(d * m), y: draw(d * n) }
    }

    fn cells(&self, (m, n, _): (usize, usize, usize)) -> DenseCells<'_, T> {
        DenseCells::new(&self.r, &self.c, m, n).expect("shapes fit")
    }
}

#[divan::bench(types = [f32, f64], args = SIZES)]
fn instances<T: Scalar>(bencher: Bencher<'_, '_>, size: (usize, usize, usize)) {
    let (case, workspace) = (Case::<T>::new(size), Workspace::new());
    let mut y = case.y.clone();
    let cells = case.cells(size);
    bencher
        .counter(ItemsCount::new(size.1))
        .bench_local(|| update_instances(&workspace, &cells, &case.x, size.2, T::from_f64(0.01), &mut y));
}

#[divan::bench(types = [f32, f64], args = SIZES)]
fn classifiers<T: Scalar>(bencher: Bencher<'_, '_>, size: (usize, usize, usize)) {
    let (case, workspace) = (Case::<T>::new(size), Workspace::new());
    let mut x = case.x.clone();
    let cells = case.cells(size);
    bencher
        .counter(ItemsCount::new(size.1))
        .bench_local(|| update_classifiers(&workspace, &cells, &case.y, size.2, T::from_f64(0.01), &mut x));
}

#[divan::bench(types = [f32, f64], args = SIZES)]
fn error<T: Scalar>(bencher: Bencher<'_, '_>, size: (usize, usize, usize)) {
    let (case, workspace) = (Case::<T>::new(size), Workspace::new());
    let cells = case.cells(size);
    bencher
        .counter(ItemsCount::new(size.1))
        .bench_local(|| weighted_squared_error(&workspace, &cells, &case.x, &case.y, size.2));
}
