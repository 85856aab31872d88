//! Weights in files, under the names of their variables.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lawn_core::State;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use thiserror::Error;

/// Weights that could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file is not safetensors but a pickle, as `torch.save` writes it.
    #[error(
        "{path} is a pickle, which can run code when it is read; expected safetensors, which \
         this makes of it: python -c \"import torch; from safetensors.torch import save_file; \
         save_file({{k: v.contiguous() for k, v in torch.load('{path}', map_location='cpu', \
         weights_only=True).items()}}, '{converted}')\""
    )]
    Pickle {
        /// The file.
        path: PathBuf,
        /// Where the line puts what it makes.
        converted: PathBuf,
    },
    /// The file cannot be read or written, or is not what it should be.
    #[error("weights {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<lawn_core::Error>,
    },
    /// The file is of another net. Nothing was changed.
    #[error("weights {path} do not fit the model: {differences}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        differences: Box<WeightsDifferences>,
    },
}

/// How the entries of a file differ from the variables of a net, each list in order of name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeightsDifferences {
    /// Variables that are not in the file.
    pub missing: Vec<String>,
    /// Entries that the net does not have.
    pub extra: Vec<String>,
    /// Entries of another shape, or whose numbers are no floats.
    pub shapes: Vec<ShapeDifference>,
}

/// An entry that has the name of a variable, and not its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeDifference {
    /// Its name.
    pub name: String,
    /// Kind and shape in the file.
    pub found: String,
    /// Kind and shape of the variable.
    pub expected: String,
}

impl WeightsDifferences {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.shapes.is_empty()
    }
}

/// As in a sentence, the first few of each list.
impl fmt::Display for WeightsDifferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes = self.shapes.iter().map(|one| {
            let ShapeDifference {
                name,
                found,
                expected,
            } = one;
            format!("`{name}` is {found}, expected {expected}")
        });
        let named = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect();
        let lists: [(&str, Vec<String>); 3] = [
            ("missing", named(&self.missing)),
            ("extra", named(&self.extra)),
            ("of another shape", shapes.collect()),
        ];
        let lists = lists.into_iter().filter(|(_, entries)| !entries.is_empty());
        for (place, (what, entries)) in lists.enumerate() {
            const SHOWN: usize = 5;
            let between = if place == 0 { "" } else { "; " };
            let shown = &entries[..entries.len().min(SHOWN)];
            write!(f, "{between}{} {what}: {}", entries.len(), shown.join(", "))?;
            if entries.len() > SHOWN {
                write!(f, " and {} more", entries.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

/// What PyTorch's batch normalization counts, and reads only where it has no momentum.
const COUNTER: &str = "num_batches_tracked";

/// Writes all variables of a store as safetensors, whole or not at all.
///
/// The names are those of the variables, so that of [`ResNet`](super::ResNet),
/// [`Vgg`](super::Vgg) and [`Vit`](super::Vit) torchvision and timm read the file strictly.
/// Beside running statistics stands the count that they expect, `num_batches_tracked`: 0, as
/// it is not counted here, and nothing that has a momentum reads it.
///
/// # Errors
/// [`WeightsError::File`].
///
/// ```
/// use lawn_models::models::{Init, ResNet, ResNetConfig, ResNetDepth, load_weights, save_weights};
/// use tch::{Device, nn};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("resnet18.safetensors");
/// let store = nn::VarStore::new(Device::Cpu);
/// ResNet::new(&store.root(), &ResNetConfig::new(ResNetDepth::D18, 10), 0);
/// save_weights(&store, &path)?;
///
/// let other = nn::VarStore::new(Device::Cpu);
/// let config = ResNetConfig { init: Init::Zeros, ..ResNetConfig::new(ResNetDepth::D18, 10) };
/// ResNet::new(&other.root(), &config, 0);
/// load_weights(&other, &path)?;
/// assert_eq!(other.variables()["fc.weight"], store.variables()["fc.weight"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_weights(store: &VarStore, path: &Path) -> Result<(), WeightsError> {
    save_weights_with(store, path, BTreeMap::new())
}

/// As [`save_weights`], with metadata.
pub(crate) fn save_weights_with(
    store: &VarStore,
    path: &Path,
    mut metadata: BTreeMap<String, String>,
) -> Result<(), WeightsError> {
    // The libraries of PyTorch that look at it want this one.
    metadata.insert("format".to_owned(), "pt".to_owned());
    let tensors = entries(store);
    let state = State { metadata, tensors };
    state.save(path).map_err(|source| file_error(path, source))
}

/// The variables of a store by name, and the counts that PyTorch has beside them.
pub(super) fn entries(store: &VarStore) -> BTreeMap<String, Tensor> {
    let mut entries: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
    let counters: Vec<String> = entries.keys().filter_map(|name| counter(name)).collect();
    for name in counters {
        let zero = Tensor::zeros([], (Kind::Int64, Device::Cpu));
        entries.insert(name, zero);
    }
    entries
}

/// The name of the count beside a running mean.
fn counter(name: &str) -> Option<String> {
    let layer = name.strip_suffix("running_mean")?;
    Some(format!("{layer}{COUNTER}"))
}

/// Reads a safetensors file into the variables of a store: each must be there, with its
/// shape, and nothing else. Floats of other kinds are converted. `num_batches_tracked` is
/// not looked at.
///
/// # Errors
/// [`WeightsError::Pickle`] for what `torch.save` writes, told by its first bytes;
/// [`WeightsError::Mismatch`], [`WeightsError::File`]. Nothing is changed then.
pub fn load_weights(store: &VarStore, path: &Path) -> Result<(), WeightsError> {
    if is_pickle(path).map_err(|source| WeightsError::File {
        path: path.to_owned(),
        source: Box::new(lawn_core::Error::Io {
            path: path.to_owned(),
            source,
        }),
    })? {
        return Err(WeightsError::Pickle {
            path: path.to_owned(),
            converted: converted(path),
        });
    }
    let file = State::load(path, Device::Cpu).map_err(|source| file_error(path, source))?;
    let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
    let differences = differences(&variables, &file.tensors);
    if !differences.is_empty() {
        return Err(WeightsError::Mismatch {
            path: path.to_owned(),
            differences: Box::new(differences),
        });
    }
    for (name, mut variable) in variables {
        tch::no_grad(|| variable.copy_(&file.tensors[&name]));
    }
    Ok(())
}

fn differences(
    variables: &BTreeMap<String, Tensor>,
    entries: &BTreeMap<String, Tensor>,
) -> WeightsDifferences {
    let mut differences = WeightsDifferences::default();
    for (name, variable) in variables {
        match entries.get(name) {
            None => differences.missing.push(name.clone()),
            Some(entry) if entry.size() != variable.size() || !is_float(entry) => {
                differences.shapes.push(ShapeDifference {
                    name: name.clone(),
                    found: described(entry),
                    expected: described(variable),
                });
            }
            Some(_) => {}
        }
    }
    let counters: Vec<String> = variables.keys().filter_map(|name| counter(name)).collect();
    let known = |name: &String| variables.contains_key(name) || counters.contains(name);
    let extra = entries.keys().filter(|name| !known(name)).cloned();
    differences.extra.extend(extra);
    differences
}

fn is_float(tensor: &Tensor) -> bool {
    let kinds = [Kind::Float, Kind::Double, Kind::Half, Kind::BFloat16];
    kinds.contains(&tensor.kind())
}

fn described(tensor: &Tensor) -> String {
    let kind = match tensor.kind() {
        Kind::Float => "f32".to_owned(),
        kind => format!("{kind:?}").to_lowercase(),
    };
    format!("{kind} {:?}", tensor.size())
}

/// What the files of `torch.save` begin with: a zip archive, and before 1.6 a pickle.
const PICKLES: [&[u8]; 2] = [b"PK\x03\x04", b"\x80\x02"];

fn is_pickle(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut first)?;
    Ok(PICKLES.iter().any(|magic| first.starts_with(magic)))
}

/// Where a pickle's tensors go: never into the file itself.
fn converted(path: &Path) -> PathBuf {
    match path.extension() {
        Some(extension) if extension == "safetensors" => {
            path.with_extension("converted.safetensors")
        }
        _ => path.with_extension("safetensors"),
    }
}

fn file_error(path: &Path, source: lawn_core::Error) -> WeightsError {
    WeightsError::File {
        path: path.to_owned(),
        source: match source {
            // The file is named once.
            lawn_core::Error::StateFile { source, .. } => source,
            source => Box::new(source),
        },
    }
}

#[cfg(test)]
mod tests {
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
            &saved(|state| assert!(state.tensors.remove("bn1.num_batches_tracked").is_some()))
                .unwrap(),
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
        assert_eq!(shapes, ["int64 [2]", "f32 [2, 4]"]);
        let said = error.to_string();
        assert!(
            said.ends_with(
                "do not fit the model: 1 missing: `bn1.running_var`; 2 extra: \
                 `fc.num_batches_tracked`, `head.weight`; 2 of another shape: `fc.bias` is \
                 int64 [2], expected f32 [2], `fc.weight` is f32 [2, 4], expected f32 [2, 3]"
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
        for wrong in [&b""[..], b"version https://git-lfs.github.com/spec/v1"] {
            let path = folder.path().join("wrong.safetensors");
            std::fs::write(&path, wrong).unwrap();
            let error = load_weights(&store(), &path).unwrap_err();
            assert!(matches!(error, WeightsError::File { .. }), "{error}");
        }
        let absent = load_weights(&store(), &folder.path().join("absent")).unwrap_err();
        assert!(matches!(absent, WeightsError::File { .. }), "{absent}");
    }
}
