use super::*;

fn cuda(load: Load, count: usize, no_device: Option<&str>) -> Cuda {
    Cuda { load, count, no_device: no_device.map(str::to_owned) }
}

fn works(_: usize) -> Result<(), String> {
    Ok(())
}

#[test]
fn names_go_both_ways() {
    for (text, device) in [
        ("auto", Device::Auto),
        ("cpu", Device::Cpu),
        ("cuda:0", Device::Cuda(0)),
        ("cuda:12", Device::Cuda(12)),
    ] {
        assert_eq!(text.parse(), Ok(device));
        assert_eq!(device.to_string(), text);
        let json = serde_json::to_string(&device).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Device>(&json).unwrap(), device);
    }
    assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
    for wrong in
        ["", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:+1", "cuda:one", "cuda:99999999999999999999", "cuda0"]
    {
        let error = wrong.parse::<Device>().unwrap_err().to_string();
        assert!(error.contains(&format!("`{wrong}`")) && error.contains("cuda:N"), "{error}");
        assert!(serde_json::from_str::<Device>(&format!("\"{wrong}\"")).is_err());
    }
}

#[test]
fn each_cause_has_its_own_error_with_a_cure() {
    let folder = PathBuf::from("/opt/libtorch/lib");
    let path = folder.join("libtorch_cuda.so");
    let failed = Load::Failed { path, reason: "libcudnn.so.9: cannot open".to_owned() };
    let absent = Load::Absent { folder: Some(folder) };
    for (state, index, words) in [
        (cuda(absent, 0, None), 0, "built without"),
        (cuda(failed, 0, None), 0, "libcudnn.so.9"),
        (cuda(Load::Loaded, 0, Some("no NVIDIA driver")), 0, "no NVIDIA driver"),
        (cuda(Load::Loaded, 2, None), 2, "there are 2"),
    ] {
        let error = choose(&state, index, works).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("asked for") && error.contains("use "), "{error}");
    }
    let dead = choose(&cuda(Load::Loaded, 1, None), 0, |_| Err("no kernel image".to_owned())).unwrap_err();
    assert!(
        matches!(&dead, DeviceError::Unusable { index: 0, reason } if reason == "no kernel image"),
        "{dead}"
    );
}

#[test]
fn a_working_device_is_chosen() {
    let chosen = choose(&cuda(Load::Loaded, 2, None), 1, works).unwrap();
    assert_eq!(chosen.tch_device, tch::Device::Cuda(1));
    assert_eq!(chosen.description, "CUDA device 1 of 2");
}

/// Holds with and without a GPU: asked for CUDA, it is CUDA or an error, and auto agrees with that.
#[test]
fn this_machine_never_gives_the_cpu_for_cuda() {
    assert_eq!(Device::Cpu.resolve().unwrap().tch_device, tch::Device::Cpu);
    let auto = Device::Auto.resolve().unwrap();
    match Device::Cuda(0).resolve() {
        Ok(cuda) => {
            assert_eq!(cuda.tch_device, tch::Device::Cuda(0));
            assert_eq!(auto, cuda);
        }
        Err(error) => {
            assert!(error.to_string().contains("CUDA"), "{error}");
            assert_eq!(auto.tch_device, tch::Device::Cpu);
            assert!(auto.description.starts_with("CPU (chosen automatically: "), "{}", auto.description);
        }
    }
    assert!(Device::Cuda(usize::MAX).resolve().is_err());
}
