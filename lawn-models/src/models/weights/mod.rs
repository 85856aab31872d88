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
    /// The file is not safetensors, or not all of it.
    #[error("weights {path}: found {found}, expected a whole safetensors file")]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
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

impl WeightsError {
    /// The file that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Pickle { path, .. }
            | Self::File { path, .. }
            | Self::NotSafetensors { path, .. }
            | Self::Mismatch { path, .. } => path,
        }
    }
}

/// How the entries of a file differ from the variables of a net, each list in order of name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeightsDifferences {
    /// Variables that are not in the file.
    pub missing: Vec<String>,
    /// Entries that the net does not have.
    pub extra: Vec<String>,
    /// Entries of another shape.
    pub shapes: Vec<ShapeDifference>,
    /// Entries whose numbers are no floats.
    pub kinds: Vec<ShapeDifference>,
}

/// An entry that has the name of a variable, and not its shape or kind of numbers.
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
        self.missing.is_empty()
            && self.extra.is_empty()
            && self.shapes.is_empty()
            && self.kinds.is_empty()
    }
}

/// As in a sentence, the first few of each list.
impl fmt::Display for WeightsDifferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differing = |entries: &[ShapeDifference]| {
            let described = entries.iter().map(|one| {
                let ShapeDifference {
                    name,
                    found,
                    expected,
                } = one;
                format!("`{name}` is {found}, expected {expected}")
            });
            described.collect()
        };
        let named = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect();
        let lists: [(&str, Vec<String>); 4] = [
            ("missing", named(&self.missing)),
            ("extra", named(&self.extra)),
            ("of another shape", differing(&self.shapes)),
            ("whose numbers are no floats", differing(&self.kinds)),
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
    write_weights(&weights_of(store, BTreeMap::new()), path)
}

/// What [`save_weights`] writes, with metadata.
pub(crate) fn weights_of(store: &VarStore, mut metadata: BTreeMap<String, String>) -> State {
    // The libraries of PyTorch that look at it want this one.
    metadata.insert("format".to_owned(), "pt".to_owned());
    let tensors = entries(store);
    State { metadata, tensors }
}

/// Writes it.
pub(crate) fn write_weights(state: &State, path: &Path) -> Result<(), WeightsError> {
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
            Some(entry) => {
                let difference = || ShapeDifference {
                    name: name.clone(),
                    found: described(entry),
                    expected: described(variable),
                };
                if !is_float(entry) {
                    differences.kinds.push(difference());
                } else if entry.size() != variable.size() {
                    differences.shapes.push(difference());
                }
            }
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
    // The file is named once.
    let source = match source {
        lawn_core::Error::StateFile { source, .. } => source,
        source => Box::new(source),
    };
    let path = path.to_owned();
    match *source {
        lawn_core::Error::Format(_) => WeightsError::NotSafetensors {
            found: std::fs::read(&path)
                .map_or_else(|error| error.to_string(), |bytes| what(&bytes)),
            path,
        },
        _ => WeightsError::File { path, source },
    }
}

/// What bytes are that are no safetensors.
fn what(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return "a Git LFS pointer in place of the file, which `git lfs pull` gets".to_owned();
    }
    match announced(bytes) {
        Some(announced) => {
            let found = bytes.len();
            format!("{found} bytes, of {announced} that its header says")
        }
        None => "a file without the header of one".to_owned(),
    }
}

/// Bytes that a safetensors file has by its header.
fn announced(bytes: &[u8]) -> Option<u64> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = u64::from_le_bytes(*length);
    let header = rest.get(..usize::try_from(length).ok()?)?;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    let ends = header
        .values()
        .filter_map(|entry| entry["data_offsets"][1].as_u64());
    Some(8 + length + ends.max().unwrap_or(0))
}

/// Values of variables that no net computes anything with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableValues {
    /// The first variable that has such values, in order of name.
    pub variable: String,
    /// How many others have.
    pub others: usize,
    /// What the values are.
    pub found: &'static str,
}

/// As the subject of a sentence and its verb.
impl fmt::Display for UnusableValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable, found, ..
        } = self;
        match self.others {
            0 => write!(f, "values of `{variable}` are {found}"),
            1 => write!(
                f,
                "values of `{variable}` and one more variable are {found}"
            ),
            others => write!(
                f,
                "values of `{variable}` and {others} more variables are {found}"
            ),
        }
    }
}

/// Variables of a store with values that are not finite, or running variances below 0.
pub(crate) fn unusable_values(store: &VarStore) -> Option<UnusableValues> {
    let all = |condition: Tensor| tch::no_grad(|| condition.all().int64_value(&[])) != 0;
    let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
    let (mut found, mut names) = ("not finite", Vec::new());
    for (name, variable) in &variables {
        if !all(variable.isfinite()) {
            names.push(name);
        }
    }
    if names.is_empty() {
        found = "below 0, which no variance is";
        let variances = variables
            .iter()
            .filter(|(name, _)| name.ends_with("running_var"));
        let below = variances.filter(|(_, variance)| !all(variance.ge(0.0)));
        names.extend(below.map(|(name, _)| name));
    }
    Some(UnusableValues {
        variable: (*names.first()?).clone(),
        others: names.len() - 1,
        found,
    })
}

#[cfg(test)]
mod tests;
