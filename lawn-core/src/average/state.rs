//! The state of a moving average: what is saved of it, and how it goes on from there.

use super::WeightAverage;
use crate::error::Error;
use crate::state::file::State;

const FORMAT: &str = "lawn-core weight average";
const VERSION: u32 = 1;

impl WeightAverage {
    /// The average and its count, copied.
    ///
    /// # Panics
    ///
    /// If the average is in the place of the weights.
    #[must_use]
    pub fn state(&self) -> State {
        assert!(
            !self.is_swapped,
            "the average is in the place of the weights"
        );
        let metadata = [
            ("format", FORMAT.to_owned()),
            ("version", VERSION.to_string()),
            ("updates", self.updates.to_string()),
        ];
        let tensors = self.entries.iter();
        State {
            metadata: metadata.map(|(key, value)| (key.to_owned(), value)).into(),
            tensors: tensors
                .map(|entry| (entry.name.clone(), entry.average.copy()))
                .collect(),
        }
    }

    /// Continues from a state, which must be of the same tensors. Everything is checked before
    /// anything is changed.
    ///
    /// # Errors
    ///
    /// [`Error::StateMismatch`], [`Error::StateVersion`], [`Error::MissingEntry`],
    /// [`Error::ExtraEntry`], [`Error::EntryShape`], [`Error::EntryValue`], each naming the entry.
    pub fn load_state(&mut self, state: &State) -> Result<(), Error> {
        let entry = |key: &str| {
            state.metadata.get(key).ok_or_else(|| Error::MissingEntry {
                entry: key.to_owned(),
            })
        };
        let number = |key: &str| {
            let text = entry(key)?;
            text.parse::<u64>().map_err(|_| Error::EntryValue {
                entry: key.to_owned(),
                expected: "a count",
                found: text.clone(),
            })
        };
        let format = entry("format")?;
        if format != FORMAT {
            return Err(Error::StateMismatch {
                entry: "format",
                expected: FORMAT.to_owned(),
                found: format.clone(),
            });
        }
        let version = number("version")?;
        if version > u64::from(VERSION) {
            return Err(Error::StateVersion {
                supported: VERSION,
                found: u32::try_from(version).unwrap_or(u32::MAX),
            });
        }
        let updates = number("updates")?;
        let mut saved = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let found = state.tensors.get(&entry.name);
            let found = found.ok_or_else(|| Error::MissingEntry {
                entry: entry.name.clone(),
            })?;
            let (expected, shape) = (entry.average.size(), found.size());
            if shape != expected {
                return Err(Error::EntryShape {
                    entry: entry.name.clone(),
                    expected,
                    found: shape,
                });
            }
            saved.push(found);
        }
        let known = |name: &&String| self.entries.iter().any(|entry| entry.name == **name);
        if let Some(name) = state.tensors.keys().find(|name| !known(name)) {
            return Err(Error::ExtraEntry {
                entry: name.clone(),
            });
        }
        if self.is_swapped {
            self.swap();
        }
        for (entry, saved) in self.entries.iter().zip(saved) {
            // Devices and kinds may differ from the file's.
            entry.average.shallow_clone().copy_(saved);
        }
        self.updates = updates;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::average::tests::{set, tensor, values};

    #[test]
    fn a_state_continues_with_the_same_bits() {
        let weight = Tensor::ones([7], (Kind::Float, Device::Cpu));
        let start = || {
            WeightAverage::new([("w", weight.shallow_clone())], 0.9)
                .unwrap()
                .with_warm_up()
        };
        let mut through = start();
        let mut resumed = start();
        for step in 0..6 {
            set(&weight, f64::from(step) * 0.7 + 0.1);
            through.update();
            resumed.update();
            if step == 2 {
                let bytes = resumed.state().to_bytes().unwrap();
                let state = State::from_bytes(&bytes, Device::Cpu).unwrap();
                resumed = start();
                resumed.load_state(&state).unwrap();
            }
        }
        assert_eq!(through.state().tensors, resumed.state().tensors);
        assert_eq!(resumed.updates(), 6);
    }

    #[test]
    fn a_foreign_state_is_refused_whole() {
        let weight = tensor(&[1.0]);
        let mut average = WeightAverage::new([("w", weight.shallow_clone())], 0.9).unwrap();
        let sound = average.state();
        let spoil = |spoil: fn(&mut State)| {
            let mut state = State {
                metadata: sound.metadata.clone(),
                tensors: [("w".to_owned(), tensor(&[9.0]))].into(),
            };
            spoil(&mut state);
            state
        };
        type Check = fn(&Error) -> bool;
        let rows: [(State, Check); 5] = [
            (spoil(|state| drop(state.tensors.remove("w"))), |error| {
                matches!(error, Error::MissingEntry { .. })
            }),
            (
                spoil(|state| drop(state.tensors.insert("x".into(), tensor(&[0.0])))),
                |error| matches!(error, Error::ExtraEntry { .. }),
            ),
            (
                spoil(|state| drop(state.tensors.insert("w".into(), tensor(&[0.0, 1.0])))),
                |error| matches!(error, Error::EntryShape { .. }),
            ),
            (
                spoil(|state| drop(state.metadata.insert("updates".into(), "many".into()))),
                |error| matches!(error, Error::EntryValue { .. }),
            ),
            (
                spoil(|state| drop(state.metadata.insert("version".into(), "2".into()))),
                |error| matches!(error, Error::StateVersion { .. }),
            ),
        ];
        for (state, expected) in &rows {
            let error = average.load_state(state).unwrap_err();
            assert!(expected(&error), "{error}");
            assert_eq!(values(&average.state().tensors["w"]), [1.0]);
        }
    }
}
