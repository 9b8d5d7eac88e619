//! What is fetched: every archive by name, size and sha256, and what of it is needed.
//!
//! The index has libtorch for Linux on x86-64 as the CUDA build alone (the wheel of PyTorch). Its CPU half
//! works by itself, except that it links to two small CUDA libraries, which have wheels of their own.

use super::flavor::Flavor;

/// One file of the package index.
#[derive(Debug)]
pub(super) struct Pin {
    pub name: &'static str,
    pub version: &'static str,
    /// The platform tag to ask pip for; with it pip takes this file with any Python, on any system.
    pub platform: &'static str,
    pub file: &'static str,
    pub bytes: u64,
    pub sha256: &'static str,
}

impl Pin {
    pub(super) fn megabytes(&self) -> u64 {
        megabytes(self.bytes)
    }
}

/// Rounded up, so that nothing is said to have 0 MB.
pub(super) fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

/// The Python whose wheel of torch is taken. The libraries inside are the same in each; one must be named to
/// be pinned.
pub(super) const PYTHON_VERSION: &str = "3.11";
pub(super) const PYTHON_ABI: &str = "cp311";

/// The archives of `flavor`, or nothing where none are pinned for this system.
pub(super) fn archives(flavor: Flavor) -> Option<Vec<&'static Pin>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return None;
    }
    let cuda_only: &[Pin] = if flavor == Flavor::Cuda { &CUDA } else { &[] };
    Some(CPU.iter().chain(cuda_only).collect())
}

/// Where a file of an archive goes in the folder of `flavor`; `None` leaves it out.
pub(super) fn destination(flavor: Flavor, entry: &str) -> Option<String> {
    let (folder, file) = entry.rsplit_once('/')?;
    // Headers of these four and nothing else are what torch-sys reads; the rest belongs to libraries inside
    // libtorch.
    let header = ["ATen/", "c10/", "caffe2/", "torch/"]
        .iter()
        .any(|of| entry.strip_prefix("torch/include/").is_some_and(|inside| inside.starts_with(of)));
    let wanted = match flavor {
        Flavor::Cpu if folder == "torch/lib" => {
            matches!(file, "libtorch_cpu.so" | "libc10.so" | "libgomp.so.1")
        }
        Flavor::Cpu if folder == "nvidia/cu13/lib" => matches!(file, "libcudart.so.13" | "libcupti.so.13"),
        Flavor::Cuda if folder == "torch/lib" => {
            !file.starts_with("libtorch_python") && !file.starts_with("libshm")
        }
        Flavor::Cuda => entry.starts_with("nvidia/") && folder.ends_with("/lib") && file.contains(".so"),
        Flavor::Cpu => false,
    };
    match flavor {
        _ if !wanted && !header => None,
        // The libraries look for each other beside themselves as well: one flat folder is enough for the few.
        Flavor::Cpu if header => entry.strip_prefix("torch/").map(str::to_owned),
        Flavor::Cpu => Some(format!("lib/{file}")),
        // ... while the whole set finds itself by the layout of the wheels, which therefore stays.
        Flavor::Cuda => Some(entry.to_owned()),
    }
}

/// Files without which a folder is not libtorch, to notice an archive that is laid out otherwise.
pub(super) fn required(flavor: Flavor) -> &'static [&'static str] {
    match flavor {
        Flavor::Cpu => &[
            "lib/libtorch_cpu.so",
            "lib/libc10.so",
            "lib/libgomp.so.1",
            "lib/libcudart.so.13",
            "lib/libcupti.so.13",
            "include/torch/csrc/api/include/torch/torch.h",
        ],
        Flavor::Cuda => &[
            "torch/lib/libtorch_cpu.so",
            "torch/lib/libtorch_cuda.so",
            "torch/lib/libtorch.so",
            "torch/include/torch/csrc/api/include/torch/torch.h",
            "nvidia/cu13/lib/libcudart.so.13",
            "nvidia/cu13/lib/libcublas.so.13",
            "nvidia/cudnn/lib/libcudnn.so.9",
            "nvidia/nccl/lib/libnccl.so.2",
        ],
    }
}

const CPU: [Pin; 3] = [
    Pin {
        name: "torch",
        version: "2.13.0",
        platform: "manylinux_2_28_x86_64",
        file: "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        bytes: 526_574_961,
        sha256: "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7",
    },
    Pin {
        name: "nvidia-cuda-runtime",
        version: "13.0.96",
        platform: "manylinux2014_x86_64",
        file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 2_243_632,
        sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    },
    Pin {
        name: "nvidia-cuda-cupti",
        version: "13.0.85",
        platform: "manylinux_2_25_x86_64",
        file: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
        bytes: 10_715_597,
        sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    },
];

/// What torch's own metadata names besides, at the versions named there (its CUDA is 13.0.3).
const CUDA: [Pin; 13] = [
    Pin {
        name: "nvidia-cublas",
        version: "13.1.1.3",
        platform: "manylinux_2_27_x86_64",
        file: "nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl",
        bytes: 423_138_758,
        sha256: "37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436",
    },
    Pin {
        name: "nvidia-cuda-nvrtc",
        version: "13.0.88",
        platform: "manylinux2010_x86_64",
        file: "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        bytes: 90_215_200,
        sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
    },
    Pin {
        name: "nvidia-cudnn-cu13",
        version: "9.20.0.48",
        platform: "manylinux_2_27_x86_64",
        file: "nvidia_cudnn_cu13-9.20.0.48-py3-none-manylinux_2_27_x86_64.whl",
        bytes: 366_173_588,
        sha256: "0c45dd8eeb50b603f07995b1b300c62ffe6a1980482b82b3bcf94a4ca9d49304",
    },
    Pin {
        name: "nvidia-cufft",
        version: "12.0.0.61",
        platform: "manylinux2014_x86_64",
        file: "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 214_085_489,
        sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
    },
    Pin {
        name: "nvidia-cufile",
        version: "1.15.1.6",
        platform: "manylinux2014_x86_64",
        file: "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 1_223_672,
        sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
    },
    Pin {
        name: "nvidia-curand",
        version: "10.4.0.35",
        platform: "manylinux_2_27_x86_64",
        file: "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
        bytes: 59_544_258,
        sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
    },
    Pin {
        name: "nvidia-cusolver",
        version: "12.0.4.66",
        platform: "manylinux_2_27_x86_64",
        file: "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
        bytes: 200_941_980,
        sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
    },
    Pin {
        name: "nvidia-cusparse",
        version: "12.6.3.3",
        platform: "manylinux2014_x86_64",
        file: "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 145_942_937,
        sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
    },
    Pin {
        name: "nvidia-cusparselt-cu13",
        version: "0.8.1",
        platform: "manylinux2014_x86_64",
        file: "nvidia_cusparselt_cu13-0.8.1-py3-none-manylinux2014_x86_64.whl",
        bytes: 170_148_586,
        sha256: "786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0",
    },
    Pin {
        name: "nvidia-nccl-cu13",
        version: "2.29.7",
        platform: "manylinux_2_18_x86_64",
        file: "nvidia_nccl_cu13-2.29.7-py3-none-manylinux_2_18_x86_64.whl",
        bytes: 205_976_000,
        sha256: "edd81538446786ec3b73972543e53bb43bcaf0bfc8ef76cb679fcc390ffe136d",
    },
    Pin {
        name: "nvidia-nvjitlink",
        version: "13.0.88",
        platform: "manylinux2010_x86_64",
        file: "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        bytes: 40_713_933,
        sha256: "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
    },
    Pin {
        name: "nvidia-nvshmem-cu13",
        version: "3.4.5",
        platform: "manylinux2014_x86_64",
        file: "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 60_412_546,
        sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
    },
    Pin {
        name: "nvidia-nvtx",
        version: "13.0.85",
        platform: "manylinux1_x86_64",
        file: "nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
        bytes: 148_047,
        sha256: "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_well_formed() {
        for pin in CPU.iter().chain(&CUDA) {
            let prefix = format!("{}-{}-", pin.name.replace('-', "_"), pin.version);
            assert!(pin.file.starts_with(&prefix) && pin.file.ends_with(".whl"), "{pin:?}");
            assert!(pin.file.contains(pin.platform), "{pin:?}");
            assert!(pin.sha256.len() == 64 && pin.sha256.bytes().all(|b| b.is_ascii_hexdigit()), "{pin:?}");
        }
    }

    #[test]
    fn the_cpu_takes_five_libraries_and_the_headers() {
        let cpu = |entry| destination(Flavor::Cpu, entry);
        assert_eq!(cpu("torch/lib/libtorch_cpu.so").as_deref(), Some("lib/libtorch_cpu.so"));
        assert_eq!(cpu("nvidia/cu13/lib/libcupti.so.13").as_deref(), Some("lib/libcupti.so.13"));
        assert_eq!(cpu("torch/include/ATen/ATen.h").as_deref(), Some("include/ATen/ATen.h"));
        for left_out in [
            "torch/lib/libtorch_cuda.so",
            "torch/lib/libtorch.so",
            "torch/include/pybind11/pybind11.h",
            "nvidia/cu13/lib/libnvperf_host.so",
            "torch/version.py",
        ] {
            assert_eq!(cpu(left_out), None, "{left_out}");
        }
    }

    #[test]
    fn cuda_keeps_the_layout_of_the_wheels() {
        for kept in
            ["torch/lib/libtorch.so", "nvidia/cudnn/lib/libcudnn.so.9", "torch/include/c10/core/Device.h"]
        {
            assert_eq!(destination(Flavor::Cuda, kept).as_deref(), Some(kept));
        }
        for left_out in ["torch/lib/libtorch_python.so", "nvidia/cu13/include/cuda.h", "torch/bin/protoc"] {
            assert_eq!(destination(Flavor::Cuda, left_out), None, "{left_out}");
        }
    }

    /// The required files must be ones that are taken at all.
    #[test]
    fn what_is_required_is_also_unpacked() {
        for file in required(Flavor::Cuda) {
            assert!(destination(Flavor::Cuda, file).is_some(), "{file}");
        }
    }
}
