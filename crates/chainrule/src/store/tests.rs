//! Tests of the model file: round trip, equal bytes, and every way of being damaged.

use super::*;

fn stored() -> Stored {
    let w = Numbers::F32(vec![1.0, -2.5, f32::MIN_POSITIVE, 3.25e7, 0.1, -0.0]);
    Stored {
        equations: "z1 = W1 x + b1   # \"sha256\":\"00\"\nŷ = softmax(z1)\n".into(),
        settings: vec![("H".into(), "64".into()), ("lr".into(), "0.1".into())],
        preparation: "{\"columns\":[\"p0\"]}".into(),
        classes: vec!["naïve \"x\"".into(), "b".into()],
        fingerprint: "ab12".into(),
        version: "0.1.0".into(),
        facts: vec![("seed".into(), "0".into())],
        tensors: vec![
            Tensor { name: "W1".into(), shape: (2, 3), numbers: w },
            Tensor {
                name: "running/0/mean".into(),
                shape: (3, 1),
                numbers: Numbers::F64(vec![0.1, 1e-300, -7.0]),
            },
            Tensor { name: "empty".into(), shape: (0, 4), numbers: Numbers::F32(vec![]) },
        ],
    }
}

fn saved() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&stored(), &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (folder, path, bytes)
}

#[test]
fn what_is_saved_comes_back() {
    let (_folder, path, bytes) = saved();
    let back = load(&path).unwrap();
    let order = |s: &Stored| s.tensors.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    assert_eq!(order(&back)[..1], order(&stored())[..1]);
    let mut back = back;
    back.tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut want = stored();
    want.tensors.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(back, want);
    // Any other reader of the format opens it too.
    assert_eq!(safetensors::SafeTensors::deserialize(&bytes).unwrap().len(), 3);
}

#[test]
fn equal_models_give_equal_bytes() {
    assert_eq!(saved().2, saved().2);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (_folder, path, bytes) = saved();
    for at in (0..bytes.len() * 8).step_by(7) {
        let mut bad = bytes.clone();
        bad[at / 8] ^= 1 << (at % 8);
        std::fs::write(&path, &bad).unwrap();
        let error = load(&path).expect_err("a flipped bit");
        assert!(matches!(error, Error::Corrupt { .. }), "bit {at}: {error}");
        assert_eq!(error.exit_status(), 2);
    }
}

#[test]
fn every_cut_is_noticed() {
    let (_folder, path, bytes) = saved();
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = load(&path).expect_err("a file cut short");
        assert!(error.to_string().contains("not a whole chainrule file"), "{error}");
    }
    std::fs::write(&path, [&bytes[..], b"x"].concat()).unwrap();
    assert!(load(&path).is_err(), "bytes behind the end");
}

#[test]
fn a_lying_length_allocates_nothing() {
    let (_folder, path, mut bytes) = saved();
    for length in [u64::MAX, 1 << 62, HEADER as u64] {
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert!(load(&path).is_err());
    }
}

/// The bytes with one text of the header replaced by one as long, and a checksum that fits.
fn resigned(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    let (from, _) = header::checksum(&bytes[8..]).unwrap();
    bytes[8 + from..8 + from + 64].copy_from_slice(BLANK.as_bytes());
    let sum = sha256(&bytes);
    bytes[8 + from..8 + from + 64].copy_from_slice(sum.as_bytes());
    bytes
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let (_folder, path, bytes) = saved();
    let newer = "\"chainrule_format\":\"2\"";
    std::fs::write(&path, resigned(&bytes, "\"chainrule_format\":\"1\"", newer)).unwrap();
    let error = load(&path).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn a_whole_file_with_nonsense_in_it_is_refused() {
    let (_folder, path, bytes) = saved();
    for (from, to) in [
        ("\"shape\":[2,3]", "\"shape\":[9,3]"),
        ("\"data_offsets\":[0,24]", "\"data_offsets\":[8,24]"),
        ("\"dtype\":\"F64\"", "\"dtype\":\"I64\""),
        ("\"chainrule_format\":\"1\"", "\"chainrule_format\":\"x\""),
        ("\"classes\":\"[", "\"classes\":\"}"),
    ] {
        std::fs::write(&path, resigned(&bytes, from, to)).unwrap();
        let error = load(&path).expect_err(to);
        assert!(matches!(error, Error::Corrupt { .. }), "{to}: {error}");
    }
}

#[test]
fn what_is_no_model_is_said() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(load(folder.path()).unwrap_err().exit_status(), 2);
    assert_eq!(load(&folder.path().join("none")).unwrap_err().exit_status(), 2);
    let csv = folder.path().join("a.csv");
    std::fs::write(&csv, "a,b\n1,2\n3,4\n").unwrap();
    assert!(load(&csv).unwrap_err().to_string().contains("no safetensors file"));
}
