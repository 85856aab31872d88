//! The parameters of a model: named, ordered, each with a role.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::nn::Variables;
use tch::{Tensor, nn};

use crate::error::Error;
use crate::parameters::layer::Layer;
use crate::parameters::layout::{DisjointSpans, Span, has_repeats, require_interleaved};
use crate::parameters::names::{Doubt, Shapes, infer};
use crate::parameters::untrained::{UntrainedLayer, untrained_layers};
use crate::role::Role;

/// One trainable tensor with its name and role.
#[derive(Debug)]
pub struct Parameter {
    /// Unique name, such as `fc.weight`.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// The tensor itself, shared with the model: a step writes into it.
    pub tensor: Tensor,
}

/// The parameters of a model in a fixed order, with unique names.
#[derive(Debug, Default)]
pub struct Parameters {
    parameters: Vec<Parameter>,
    layers: Option<Vec<Layer>>,
    store: Option<Store>,
    /// What names and shapes left open, by name.
    doubts: HashMap<String, Doubt>,
    silent: Vec<UntrainedLayer>,
}

/// The variables of a store, and how many of them were trainable once.
#[derive(Debug)]
pub(crate) struct Store {
    variables: Arc<Mutex<Variables>>,
    trainable: usize,
}

impl Parameters {
    /// Parameters from a list, whose order is kept.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateParameter`]; [`Error::Kind`] for a tensor that is not
    /// floating-point; [`Error::Layout`] for one that is undefined or not dense;
    /// [`Error::Computed`] for one that is the result of operations;
    /// [`Error::SharedMemory`].
    ///
    /// A tensor that requires no gradient is taken, as part of a model may be trained
    /// later; until then [`Treatment::trained`](crate::Treatment::trained) says that
    /// it is not.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, Error> {
        let mut names = HashSet::new();
        for Parameter { name, tensor, .. } in &parameters {
            if !names.insert(name.as_str()) {
                return Err(Error::DuplicateParameter { name: name.clone() });
            }
            if !tensor.defined() {
                return Err(Error::Layout {
                    name: name.clone(),
                    found: "an undefined one",
                });
            }
            let kind = tensor.f_kind()?;
            if !is_float(kind) {
                return Err(Error::Kind {
                    name: name.clone(),
                    found: kind,
                });
            }
        }
        for Parameter { name, tensor, .. } in &parameters {
            require_writable(name, tensor)?;
            if !tensor.f_is_leaf()? {
                return Err(Error::Computed { name: name.clone() });
            }
        }
        // Kernels write to each from a thread of its own.
        let spans = parameters.iter().map(|p| Span::of(&p.tensor));
        let shared = |pair: [usize; 2]| shared_memory(pair.map(|i| &parameters[i].name));
        DisjointSpans::new(spans).map_err(shared)?;
        let tensors: Vec<&Tensor> = parameters.iter().map(|p| &p.tensor).collect();
        require_interleaved(&tensors).map_err(shared)?;
        Ok(Self {
            parameters,
            ..Self::default()
        })
    }

    /// The trainable variables of a store, in the order of their creation.
    ///
    /// An optimizer of them refuses its steps once the store has more: see
    /// [`Error::AddedLater`].
    ///
    /// Roles are inferred from names, shapes and what stands in the same layer, trained
    /// or not; [`set_role`](Self::set_role) corrects them. The first line that fits
    /// counts:
    ///
    /// | name | dimensions | role |
    /// |---|---|---|
    /// | `x_g` beside `x_v`, and what `parametrizations` make of them | any | scale |
    /// | `bias`, `b`, `bias_ih_l0`, `beta`, `shift` beside a scale of its shape | any | norm |
    /// | another of these | any | bias, in a normalization norm |
    /// | a scale (`weight`, `gamma`, `scale`, `gain`) beside a shift of its shape | any | norm |
    /// | in a layer with running statistics, or called so (`norm`, `bn`, `ln` …) | 0 or 1 | norm |
    /// | called `prelu`, `act`, `slope`, `temperature`, `logit`, `gate` … | 0 or 1 | scale |
    /// | a scale of one element | 0 or 1 | scale |
    /// | a scale of several | 0 or 1 | norm, undecided |
    /// | any other | 0 or 1 | bias |
    /// | has the word `bias` and no bias beside | 2 or more | bias |
    /// | contains `embed`, or is a `token`, and has no bias beside | 2 or 3 | embedding |
    /// | any other | 2 or more | weight |
    ///
    /// What is undecided is refused where it decides: [`Error::UndecidedScope`].
    ///
    /// # Errors
    ///
    /// [`Error::UnnamedVariable`] for a trainable variable that the store does
    /// not name, and what [`new`](Self::new) refuses.
    pub fn from_var_store(vs: &nn::VarStore) -> Result<Self, Error> {
        let (named, shapes) = {
            let variables = lock(&vs.variables_);
            let all = variables.named_variables.iter();
            let shapes = all.map(|(name, one)| (name.clone(), one.size()));
            (named(&variables)?, Shapes::new(shapes.collect()))
        };
        let trainable = named.len();
        let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        let silent = untrained_layers(&names, &shapes);
        let mut doubts = HashMap::new();
        let mut parameters = Vec::with_capacity(trainable);
        for (name, tensor) in named {
            let (role, doubt) = infer(&name, &shapes);
            if let Some(doubt) = doubt {
                doubts.insert(name.clone(), doubt);
            }
            parameters.push(Parameter { name, role, tensor });
        }
        Ok(Self {
            store: Some(Store {
                variables: Arc::clone(&vs.variables_),
                trainable,
            }),
            doubts,
            silent,
            ..Self::new(parameters)?
        })
    }

    /// Corrects the role of one parameter.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownParameter`] when no parameter has this name.
    pub fn set_role(&mut self, name: &str, role: Role) -> Result<(), Error> {
        let mut parameters = self.parameters.iter_mut();
        match parameters.find(|parameter| parameter.name == name) {
            Some(parameter) => {
                parameter.role = role;
                if self.doubts.get(name) == Some(&Doubt::Vector) {
                    self.doubts.remove(name);
                }
                Ok(())
            }
            None => Err(self.unknown(name)),
        }
    }

    /// Attaches the model's layers in forward order, from which
    /// [`Scope::FinalHomogeneous`](crate::Scope::FinalHomogeneous) is derived.
    ///
    /// Without them the order of the parameters stands for the order of the layers, and the
    /// sub-network begins after the last parameter with the role [`Role::Norm`], the last LSTM
    /// or GRU, or the last layer of which only running statistics are seen. A normalization
    /// without parameters or statistics is not seen, nor are activations. So the reasons say
    /// that the scope is guessed.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownParameter`] when a layer names a parameter that is not
    /// here; [`Error::LayerOrder`] when one is [after](Layer::after) a layer that does not come
    /// before it in the list.
    pub fn set_layers(&mut self, layers: Vec<Layer>) -> Result<(), Error> {
        let mut before = HashSet::new();
        for layer in &layers {
            for name in layer.after.iter().flatten() {
                if !before.contains(name.as_str()) {
                    return Err(Error::LayerOrder { name: name.clone() });
                }
            }
            for name in &layer.parameters {
                if self.get(name).is_none() {
                    return Err(self.unknown(name));
                }
                before.insert(name.as_str());
            }
        }
        self.layers = Some(layers);
        Ok(())
    }

    /// The model's layers, where they were given.
    #[must_use]
    pub fn layers(&self) -> Option<&[Layer]> {
        self.layers.as_deref()
    }

    /// The parameter of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    fn unknown(&self, name: &str) -> Error {
        Error::UnknownParameter {
            name: name.to_owned(),
            known: self.known(),
        }
    }

    /// The first few names, for a message about an unknown one.
    pub(crate) fn known(&self) -> String {
        known(self.parameters.iter().map(|one| one.name.as_str()))
    }

    /// What the name and shape of a parameter left open.
    pub(crate) fn doubt(&self, name: &str) -> Option<Doubt> {
        self.doubts.get(name).copied()
    }

    /// The normalization layers without trainable parameters.
    pub(crate) fn silent(&self) -> &[UntrainedLayer] {
        &self.silent
    }

    pub(crate) fn into_parts(self) -> (Vec<Parameter>, Option<Store>) {
        (self.parameters, self.store)
    }
}

impl Store {
    /// Refuses a store that has more trainable variables by now, naming the first.
    pub(crate) fn require_unchanged(&self) -> Result<(), Error> {
        let variables = lock(&self.variables);
        if variables.trainable_variables.len() <= self.trainable {
            return Ok(());
        }
        let (name, _) = named(&variables)?.swap_remove(self.trainable);
        Err(Error::AddedLater { name })
    }
}

/// The variables, even if a thread that held them has panicked.
fn lock(variables: &Mutex<Variables>) -> MutexGuard<'_, Variables> {
    variables.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The trainable variables in the order of their creation, with their names.
fn named(variables: &Variables) -> Result<Vec<(String, Tensor)>, Error> {
    // The store's map of names has no order and its ordered list no names;
    // both hold the same storages, so the address joins them. Empty tensors
    // all lie at one address and are told apart by order of name, which is
    // enough as they have nothing to be updated.
    let key = |tensor: &Tensor| (tensor.data_ptr() as usize, tensor.size());
    let mut names: HashMap<(usize, Vec<i64>), Vec<&String>> = HashMap::new();
    for (name, tensor) in &variables.named_variables {
        names.entry(key(tensor)).or_default().push(name);
    }
    for candidates in names.values_mut() {
        candidates.sort_unstable_by(|a, b| b.cmp(a));
    }
    let trainable = variables.trainable_variables.iter().enumerate();
    trainable
        .map(|(index, variable)| {
            let key = key(&variable.tensor);
            match names.get_mut(&key).and_then(Vec::pop) {
                Some(name) => Ok((name.clone(), variable.tensor.shallow_clone())),
                None => Err(Error::UnnamedVariable {
                    index,
                    shape: key.1,
                }),
            }
        })
        .collect()
}

/// Refuses a tensor that libtorch cannot write to in place.
fn require_writable(name: &str, tensor: &Tensor) -> Result<(), Error> {
    let found = if tensor.is_sparse() || tensor.is_mkldnn() {
        "one that has no strides"
    } else if has_repeats(&tensor.size(), &tensor.stride()) {
        "one whose elements share memory"
    } else {
        return Ok(());
    };
    Err(Error::Layout {
        name: name.to_owned(),
        found,
    })
}

/// The error for two parameters that lie over each other.
pub(crate) fn shared_memory([first, second]: [&String; 2]) -> Error {
    Error::SharedMemory {
        first: first.clone(),
        second: second.clone(),
    }
}

fn is_float(kind: tch::Kind) -> bool {
    use tch::Kind::{BFloat16, Double, Float, Half};
    matches!(kind, Float | Double | Half | BFloat16)
}

/// The first few of these names, for a message.
pub(crate) fn known<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let more = names.len().saturating_sub(SHOWN);
    let names: Vec<String> = names.take(SHOWN).map(|name| format!("`{name}`")).collect();
    match more {
        _ if names.is_empty() => "none, as there are no parameters".to_owned(),
        0 => format!("one of {}", names.join(", ")),
        more => format!("one of {} or {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn a_store_gives_creation_order_names_and_roles() {
        let vs = nn::VarStore::new(Device::Cpu);
        let root = vs.root();
        nn::embedding(&root / "user_embedding", 5, 3, Default::default());
        nn::conv2d(&root / "z", 3, 4, 3, Default::default());
        nn::batch_norm2d(&root / "norm", 4, Default::default());
        nn::linear(&root / "fc", 4, 2, Default::default());
        let parameters = Parameters::from_var_store(&vs).unwrap();
        let found: Vec<(&str, Role)> = parameters
            .iter()
            .map(|p| (p.name.as_str(), p.role))
            .collect();
        // tch makes the bias of a linear layer before its weight; the order of
        // creation is what counts, not the one a reader would expect.
        let mut sorted = found.clone();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(
            sorted,
            [
                ("fc.bias", Role::Bias),
                ("fc.weight", Role::Weight),
                ("norm.bias", Role::Norm),
                ("norm.weight", Role::Norm),
                ("user_embedding.weight", Role::Embedding),
                ("z.bias", Role::Bias),
                ("z.weight", Role::Weight),
            ]
        );
        let position = |name: &str| found.iter().position(|(n, _)| *n == name).unwrap();
        assert!(position("user_embedding.weight") < position("z.weight"));
        assert!(position("z.weight") < position("norm.weight"));
        assert!(position("norm.weight") < position("fc.weight"));
    }

    #[test]
    fn names_are_unique_and_tensors_floating_point() {
        let parameter = |name: &str, kind| Parameter {
            name: name.into(),
            role: Role::Weight,
            tensor: Tensor::zeros([2, 2], (kind, Device::Cpu)),
        };
        let twice = Parameters::new(vec![
            parameter("a", Kind::Float),
            parameter("a", Kind::Float),
        ]);
        assert!(matches!(twice, Err(Error::DuplicateParameter { name }) if name == "a"));
        let whole = Parameters::new(vec![parameter("a", Kind::Int64)]);
        assert!(matches!(
            whole,
            Err(Error::Kind {
                found: Kind::Int64,
                ..
            })
        ));
    }

    #[test]
    fn a_tensor_is_one_that_can_be_trained() {
        let given = |tensor| {
            let (name, role) = ("a".into(), Role::Weight);
            Parameters::new(vec![Parameter { name, role, tensor }])
        };
        let undefined = given(Tensor::new()).unwrap_err();
        assert!(
            matches!(&undefined, Error::Layout { name, found } if name == "a" && found.contains("undefined")),
            "{undefined}"
        );
        let leaf = Tensor::ones([2, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        for computed in [
            &leaf * 2.0,
            leaf.to_kind(Kind::Double),
            leaf.narrow(0, 0, 1),
        ] {
            let error = given(computed).unwrap_err();
            assert!(matches!(error, Error::Computed { name } if name == "a"));
        }
        given(leaf.detach()).unwrap();
        given(leaf).unwrap();
    }

    #[test]
    fn no_two_share_memory() {
        let all = Tensor::zeros([4, 6], (Kind::Float, Device::Cpu));
        let given = |tensors: Vec<Tensor>| {
            let named = tensors.into_iter().zip(["a", "b", "c"]);
            let parameters = named.map(|(tensor, name)| Parameter {
                name: name.into(),
                role: Role::Weight,
                tensor,
            });
            Parameters::new(parameters.collect())
        };
        for (first, second) in [
            (all.shallow_clone(), all.shallow_clone()),
            (all.shallow_clone(), all.tr()),
            (all.narrow(0, 0, 3), all.narrow(0, 2, 2)),
            (all.shallow_clone(), all.get(3).view([2, 3])),
        ] {
            let between = Tensor::zeros([2], (Kind::Float, Device::Cpu));
            let error = given(vec![first, between, second]).unwrap_err();
            let Error::SharedMemory { first, second } = error else {
                panic!("{error}")
            };
            let mut names = [first, second];
            names.sort();
            assert_eq!(names, ["a", "c"]);
        }
        // Beside each other, between each other, and nowhere.
        given(vec![all.narrow(0, 0, 2), all.narrow(0, 2, 2)]).unwrap();
        given(vec![all.select(1, 0), all.select(1, 1)]).unwrap();
        for (first, second) in [
            (all.select(1, 0), all.select(1, 0)),
            (all.narrow(1, 0, 3), all.narrow(1, 2, 2)),
            (all.narrow(1, 0, 3), all.get(1)),
        ] {
            let error = given(vec![first, second]).unwrap_err();
            assert!(matches!(error, Error::SharedMemory { .. }), "{error}");
        }
        given(vec![all.shallow_clone(), all.narrow(0, 1, 0)]).unwrap();
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let mut parameters = Parameters::default();
        assert!(matches!(
            parameters.set_role("x", Role::Bias),
            Err(Error::UnknownParameter { name, .. }) if name == "x"
        ));
        assert!(matches!(
            parameters.set_layers(vec![Layer::homogeneous(["y"])]),
            Err(Error::UnknownParameter { name, .. }) if name == "y"
        ));
    }
}
