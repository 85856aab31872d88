//! Saved state: named tensors and metadata, as versioned safetensors.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::error::Error;

/// Prefix of the metadata keys that hold the checksums of tensors in a file.
const CHECKSUM: &str = "checksum:";

/// Named tensors and metadata; what an optimizer saves, and a container for
/// more, such as a whole checkpoint.
///
/// On disk it is a safetensors file: the length of the header (8 bytes, little
/// endian), the header (JSON), the bytes of the tensors. The header's
/// `__metadata__` has the entries of [`metadata`](Self::metadata), and for each
/// tensor `checksum:<name>`, 16 hexadecimal digits: FNV-1a, 64 bits, of its
/// bytes. The same state always gives the same bytes.
///
/// [`Optimizer::load_state`](crate::Optimizer::load_state) wants all entries and no
/// others. Where a model was changed on purpose, the maps are here to be edited.
///
/// ```
/// # use lawn_core::{Error, OptimizerConfig, Parameters, Schedule, SgdConfig, State};
/// # use tch::{Device, nn};
/// # let folder = std::env::temp_dir().join(format!("lawn-core-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("optimizer.safetensors");
/// # let vs = nn::VarStore::new(Device::Cpu);
/// # let _ = nn::linear(vs.root() / "fc", 4, 2, Default::default());
/// # let rule = SgdConfig { momentum: 0.9, ..SgdConfig::default() };
/// # let config = OptimizerConfig::new(rule, Schedule::constant(0.1));
/// # let mut optimizer = config.build(Parameters::from_var_store(&vs)?)?;
/// optimizer.state().save(&path)?;
/// let state = State::load(&path, Device::Cpu)?;
/// assert_eq!(state.metadata["rule"], "sgd");
/// assert_eq!(state.tensors["momentum/fc.weight"].size(), [2, 4]);
/// optimizer.load_state(&state)?;
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Default)]
pub struct State {
    /// Text by key.
    pub metadata: BTreeMap<String, String>,
    /// Tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
}

#[derive(Serialize)]
struct Entry {
    dtype: Dtype,
    shape: Vec<i64>,
    data_offsets: [usize; 2],
}

#[derive(Serialize)]
#[serde(untagged)]
enum Header<'a> {
    Metadata(BTreeMap<&'a str, &'a str>),
    Entry(Entry),
}

impl State {
    /// Writes the state to a file, whole or not at all: to a temporary name
    /// beside it, flushed, then renamed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and [`Error::StateFile`] for what
    /// [`to_bytes`](Self::to_bytes) refuses; both name the file. The one that was
    /// there is left as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let bytes = self.to_bytes().map_err(within(path))?;
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".partial");
        let write = || {
            let mut file = fs::File::create(&temporary)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            // The rename itself lasts only once the folder is written as well.
            match path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
            {
                Some(folder) => fs::File::open(folder)?.sync_all(),
                None => fs::File::open(".")?.sync_all(),
            }
        };
        write().map_err(|source| {
            // Half a state is of no use, and a full disk needs the room.
            let _ = fs::remove_file(&temporary);
            Error::Io {
                path: path.to_owned(),
                source,
            }
        })
    }

    /// Reads a state from a file, its tensors onto `device`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and [`Error::StateFile`] for what
    /// [`from_bytes`](Self::from_bytes) refuses; both name the file.
    pub fn load(path: impl AsRef<Path>, device: Device) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(&bytes, device).map_err(within(path))
    }

    /// The state as the bytes of a safetensors file.
    ///
    /// # Errors
    ///
    /// [`Error::EntryKind`] for a tensor of a kind that safetensors does not
    /// have, or [`Error::Torch`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        let mut entries = BTreeMap::new();
        let mut metadata = self.metadata.clone();
        for (name, tensor) in &self.tensors {
            let tensor = tensor.detach().to_device(Device::Cpu).contiguous();
            let kind = tensor.f_kind()?;
            let dtype = dtype(kind).ok_or_else(|| Error::EntryKind {
                entry: name.clone(),
                expected: "a kind of safetensors".to_owned(),
                found: format!("{kind:?}"),
            })?;
            let start = data.len();
            data.resize(start + tensor.numel() * dtype.bitsize() / 8, 0);
            if tensor.numel() > 0 {
                tensor.f_copy_data_u8(&mut data[start..], tensor.numel())?;
            }
            metadata.insert(format!("{CHECKSUM}{name}"), checksum(&data[start..]));
            let data_offsets = [start, data.len()];
            entries.insert(
                name,
                Entry {
                    dtype,
                    shape: tensor.size(),
                    data_offsets,
                },
            );
        }
        let mut header: BTreeMap<&str, Header> = BTreeMap::new();
        header.insert(
            "__metadata__",
            Header::Metadata(
                metadata
                    .iter()
                    .map(|(k, v)| (k.as_str(), v.as_str()))
                    .collect(),
            ),
        );
        for (name, entry) in entries {
            header.insert(name, Header::Entry(entry));
        }
        let mut header = serde_json::to_vec(&header).expect("text and numbers are JSON");
        // The format wants the data to start at a multiple of 8.
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(data);
        Ok(bytes)
    }

    /// The state in the bytes of a safetensors file, its tensors on `device`.
    ///
    /// Files without any checksum, as others write them, are read as well.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] for bytes that are not a complete safetensors file,
    /// [`Error::Checksum`] for a tensor that is not what was written,
    /// [`Error::MissingEntry`] where only some have a checksum,
    /// [`Error::EntryValue`] for a length that libtorch cannot have,
    /// [`Error::EntryKind`] for one of a kind that libtorch does not have.
    pub fn from_bytes(bytes: &[u8], device: Device) -> Result<Self, Error> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(Error::Format)?;
        let file = SafeTensors::deserialize(bytes).map_err(Error::Format)?;
        let mut metadata: BTreeMap<String, String> = header
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        let checked = metadata.keys().any(|key| key.starts_with(CHECKSUM));
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            if let Some(expected) = metadata.remove(&format!("{CHECKSUM}{name}")) {
                let found = checksum(view.data());
                if found != expected {
                    return Err(Error::Checksum {
                        entry: name.to_owned(),
                        expected,
                        found,
                    });
                }
            } else if checked {
                // One that lost its checksum may have lost more.
                return Err(Error::MissingEntry {
                    entry: format!("{CHECKSUM}{name}"),
                });
            }
            let kind = kind(view.dtype()).ok_or_else(|| Error::EntryKind {
                entry: name.to_owned(),
                expected: "a kind of libtorch".to_owned(),
                found: view.dtype().to_string(),
            })?;
            let lengths = view.shape().iter().map(|&n| i64::try_from(n));
            let shape: Vec<i64> = lengths.collect::<Result<_, _>>().map_err(|_| {
                // Possible beside a length of 0, as there are no bytes then.
                Error::EntryValue {
                    entry: name.to_owned(),
                    expected: "lengths below 2^63",
                    found: format!("{:?}", view.shape()),
                }
            })?;
            let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)?;
            tensors.insert(name.to_owned(), tensor.f_to_device(device)?);
        }
        if let Some(key) = metadata.keys().find(|key| key.starts_with(CHECKSUM)) {
            return Err(Error::MissingEntry {
                entry: key[CHECKSUM.len()..].to_owned(),
            });
        }
        Ok(Self { metadata, tensors })
    }
}

/// Names the file that something is wrong with.
fn within(path: &Path) -> impl FnOnce(Error) -> Error {
    |source| Error::StateFile {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

/// FNV-1a, 64 bits, in hexadecimal.
fn checksum(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

fn dtype(kind: Kind) -> Option<Dtype> {
    Some(match kind {
        Kind::Double => Dtype::F64,
        Kind::Float => Dtype::F32,
        Kind::Half => Dtype::F16,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Int64 => Dtype::I64,
        Kind::Int => Dtype::I32,
        Kind::Int16 => Dtype::I16,
        Kind::Int8 => Dtype::I8,
        Kind::Uint8 => Dtype::U8,
        Kind::Bool => Dtype::BOOL,
        _ => return None,
    })
}

fn kind(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::F64 => Kind::Double,
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        Dtype::I16 => Kind::Int16,
        Dtype::I8 => Kind::Int8,
        Dtype::U8 => Kind::Uint8,
        Dtype::BOOL => Kind::Bool,
        _ => return None,
    })
}
