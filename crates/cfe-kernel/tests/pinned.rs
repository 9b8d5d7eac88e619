//! A pinned instruction set gives the bits of a machine that has no better one. A test program of its own, as
//! the pin holds for the whole process.

use cfe_kernel::{
    DenseCells, InstructionSet, InstructionSetError, Workspace, classifier_normal_equations, update_instances,
};

const M: usize = 7;
const N: usize = 333;
const D: usize = 5;

/// Y, and the equations of the next X.
fn sweep(workspace: &Workspace<f64>) -> Vec<u64> {
    let r: Vec<f64> = (0..M * N).map(|k| ((k * 37) % 101) as f64 / 101.0).collect();
    let c: Vec<f64> = (0..M * N).map(|k| 0.5 + ((k * 13) % 7) as f64 / 7.0).collect();
    let cells = DenseCells::new(&r, &c, M, N).expect("shapes agree");
    let x: Vec<f64> = (0..D * M).map(|k| ((k * 29) % 17) as f64 / 17.0 - 0.4).collect();
    let mut y = vec![0.0; D * N];
    update_instances(workspace, &cells, &x, D, 0.1, &mut y).expect("solved");
    let equations = classifier_normal_equations(workspace, &cells, &y, D).expect("shapes agree");
    y.iter().chain(&equations.gram).chain(&equations.rhs).map(|v| v.to_bits()).collect()
}

#[test]
fn a_pinned_set_gives_the_bits_of_the_machine_that_has_no_better_one() {
    let best = InstructionSet::current();
    let free = sweep(&Workspace::new());
    // Tokens of the sets, as a machine without a better one would choose them.
    let mut sets = vec![(InstructionSet::Scalar, pulp::Arch::Scalar)];
    #[cfg(target_arch = "x86_64")]
    sets.extend(pulp::x86::V3::try_new().map(|v3| (InstructionSet::X86V3, pulp::Arch::V3(v3))));
    for (set, arch) in sets {
        let native = sweep(&Workspace::with_arch(arch));
        set.pin().expect("the machine has it");
        assert_eq!(InstructionSet::current(), set);
        assert_eq!(Workspace::<f64>::new().instruction_set(), set);
        assert!(sweep(&Workspace::new()) == native, "{set}");
    }
    best.pin().expect("the machine has its own");
    assert!(sweep(&Workspace::new()) == free);
    // No machine has both.
    for missing in [InstructionSet::Bytes16, InstructionSet::X86V4] {
        if missing.pin().is_err() {
            let error = missing.pin().expect_err("it is missing");
            assert_eq!(error, InstructionSetError::Unavailable { wanted: missing, best });
            assert!(error.to_string().contains(missing.name()), "{error}");
        }
        assert!(InstructionSet::Bytes16.pin().is_err() || InstructionSet::X86V4.pin().is_err());
    }
    for set in ["scalar", "16-byte", "x86-64-v3", "x86-64-v4"] {
        assert_eq!(set.parse::<InstructionSet>().expect("known").name(), set);
    }
    assert!("avx9".parse::<InstructionSet>().expect_err("unknown").to_string().contains("scalar"));
}
