use super::*;
use crate::models::layers::{GhostBatchNorm, Linear};

fn store() -> VarStore {
    let store = VarStore::new(Device::Cpu);
    let weight = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
    Linear::new(&(store.root() / "fc"), &weight);
    GhostBatchNorm::new(&(store.root() / "bn1"), 2, 8);
    store
}

fn saved(edit: impl FnOnce(&mut State)) -> Result<VarStore, WeightsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save_weights(&store(), &path).unwrap();
    let mut state = State::load(&path, Device::Cpu).unwrap();
    edit(&mut state);
    state.save(&path).unwrap();
    let other = store();
    for mut variable in other.variables().into_values() {
        let _ = tch::no_grad(|| variable.fill_(9.0));
    }
    load_weights(&other, &path).map(|()| other)
}

fn same(one: &VarStore, other: &VarStore) {
    let other = other.variables();
    for (name, value) in one.variables() {
        assert_eq!(value, other[&name], "{name}");
    }
}

#[test]
fn what_is_written_is_read_with_or_without_counts_and_in_other_floats() {
    same(&saved(|_| {}).unwrap(), &store());
    same(
        &saved(|state| assert!(state.tensors.remove("bn1.num_batches_tracked").is_some())).unwrap(),
        &store(),
    );
    let halved = saved(|state| {
        for tensor in state.tensors.values_mut() {
            *tensor = tensor.to_kind(Kind::BFloat16);
        }
    });
    same(&halved.unwrap(), &store());
}

#[test]
fn what_differs_is_listed_and_nothing_is_changed() {
    let error = saved(|state| {
        let wide = Tensor::zeros([2, 4], (Kind::Float, Device::Cpu));
        state.tensors.insert("fc.weight".to_owned(), wide);
        let whole = Tensor::zeros([2], (Kind::Int64, Device::Cpu));
        state.tensors.insert("fc.bias".to_owned(), whole);
        state.tensors.remove("bn1.running_var");
        let more = Tensor::zeros([1], (Kind::Float, Device::Cpu));
        state.tensors.insert("head.weight".to_owned(), more);
        let count = Tensor::zeros([], (Kind::Int64, Device::Cpu));
        state
            .tensors
            .insert("fc.num_batches_tracked".to_owned(), count);
    })
    .unwrap_err();
    let WeightsError::Mismatch { differences, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(differences.missing, ["bn1.running_var"]);
    assert_eq!(differences.extra, ["fc.num_batches_tracked", "head.weight"]);
    let shapes: Vec<&str> = differences.shapes.iter().map(|one| &*one.found).collect();
    assert_eq!(shapes, ["f32 [2, 4]"]);
    assert_eq!(differences.kinds[0].found, "int64 [2]");
    let said = error.to_string();
    assert!(
        said.ends_with(
            "do not fit the model: 1 missing: `bn1.running_var`; 2 extra: \
             `fc.num_batches_tracked`, `head.weight`; 1 of another shape: `fc.weight` is \
             f32 [2, 4], expected f32 [2, 3]; 1 whose numbers are no floats: `fc.bias` is \
             int64 [2], expected f32 [2]"
        ),
        "{said}"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.safetensors");
    State::default().save(&path).unwrap();
    let untouched = store();
    load_weights(&untouched, &path).unwrap_err();
    same(&untouched, &store());
}

#[test]
fn pickles_are_refused_with_what_converts_them_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    for (name, magic) in [
        ("resnet18.pth", &b"PK\x03\x04\x00\x00\x08\x08archive"[..]),
        (
            "old.safetensors",
            b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, magic).unwrap();
        let error = load_weights(&store(), &path).unwrap_err();
        assert!(matches!(error, WeightsError::Pickle { .. }), "{error}");
        let said = error.to_string();
        let load = format!("torch.load('{}'", path.display());
        assert!(
            said.contains(&load) && said.contains("save_file("),
            "{said}"
        );
        assert_eq!(said.matches(&format!("'{}'", path.display())).count(), 1);
    }
    let path = folder.path().join("wrong.safetensors");
    save_weights(&store(), &path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let size = whole.len();
    for (wrong, found) in [
        (&b""[..], "an empty file".to_owned()),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "a Git LFS pointer".to_owned(),
        ),
        (
            b"a text of some length",
            "a file without the header of one".to_owned(),
        ),
        (
            &whole[..size - 4],
            format!("{} bytes, of {size} that its header says", size - 4),
        ),
        (
            &[&whole[..], b"more"].concat(),
            format!("{} bytes, of {size}", size + 4),
        ),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let error = load_weights(&store(), &path).unwrap_err().to_string();
        assert!(error.contains(&format!("found {found}")), "{error}");
        assert!(
            error.ends_with("expected a whole safetensors file"),
            "{error}"
        );
    }
    let absent = load_weights(&store(), &folder.path().join("absent")).unwrap_err();
    assert!(matches!(absent, WeightsError::File { .. }), "{absent}");
}

#[test]
fn values_that_no_net_computes_with_are_named_by_variable() {
    let with = |name: &str, value: f64| {
        let store = store();
        let mut variable = store.variables().remove(name).unwrap();
        let _ = tch::no_grad(|| variable.fill_(value));
        unusable_values(&store).map(|values| values.to_string())
    };
    assert_eq!(with("bn1.bias", -1.0), None);
    assert_eq!(with("bn1.running_var", 0.0), None);
    let said = with("bn1.running_var", -1e-6).unwrap();
    assert_eq!(
        said,
        "values of `bn1.running_var` are below 0, which no variance is"
    );
    let said = with("bn1.running_var", f64::INFINITY).unwrap();
    assert_eq!(said, "values of `bn1.running_var` are not finite");
}
