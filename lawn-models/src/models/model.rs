use std::fmt::Debug;

use lawn_core::{Layer, Parameters, Role};
use tch::Tensor;
use tch::nn::VarStore;

use super::table::Table;

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Normalization takes its statistics from the batch, and its running averages move;
    /// dropout drops.
    Train {
        /// Number of the first sample of the batch among all that are trained on, from 0 and
        /// with repetition: what is dropped of a sample depends on it.
        first: u64,
    },
    /// Normalization uses its running averages.
    Evaluate,
}

impl Mode {
    /// Whether it is for training.
    pub fn is_train(self) -> bool {
        matches!(self, Self::Train { .. })
    }
}

/// Rows of one table that a forward pass looks up.
#[derive(Debug)]
pub struct LookUps {
    /// Name of the parameter.
    pub table: String,
    /// Numbers of rows, i64, of any shape.
    pub rows: Tensor,
}

/// A net from inputs to logits.
///
/// ```
/// use lawn_models::models::{Mode, Model, NeuMf, NeuMfConfig};
/// use tch::{Device, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let model: Box<dyn Model> = Box::new(NeuMf::new(&store.root(), &NeuMfConfig::new(50, 30), 0));
/// let (users, items) = (Tensor::from_slice(&[4i64, 7]), Tensor::from_slice(&[0i64, 29]));
/// assert_eq!(model.forward(&[users, items], Mode::Train { first: 0 }).size(), [2]);
/// // No layer is a normalization: the final homogeneous sub-network is the whole net.
/// assert!(model.layers().iter().all(|layer| layer.map == lawn_core::Map::Homogeneous));
/// ```
pub trait Model: Debug {
    /// Logits of a batch. What the inputs are, and the shape of the logits, is said by each
    /// model; the first dimension of all of them counts samples.
    ///
    /// # Panics
    /// If the inputs are not those that the model takes.
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor;

    /// Its layers with parameters in forward order. What follows the last one that is not
    /// positively homogeneous is the final homogeneous sub-network.
    fn layers(&self) -> Vec<Layer>;

    /// Its parameters that are added whatever the input is, although their names do not say that
    /// they are biases. As biases they are neither decayed nor constrained.
    fn biases(&self) -> Vec<String> {
        Vec::new()
    }

    /// The rows of its embedding tables that [`forward`](Self::forward) looks up for these inputs,
    /// each as often as it does; a table may come more than once. No other row of a table that
    /// it names has a gradient then.
    ///
    /// It is what [`Optimizer::count_rows`](lawn_core::Optimizer::count_rows) takes.
    fn look_ups(&self, _inputs: &[Tensor]) -> Vec<LookUps> {
        Vec::new()
    }

    /// The tables of its [look-ups](Self::look_ups), in their order, where other processes may have
    /// rows of them.
    fn tables(&self) -> Vec<&Table> {
        Vec::new()
    }

    /// Samples that share their normalization statistics in training, from the start of a
    /// batch on; 1 where each sample is computed by itself.
    fn statistics_batch(&self) -> u64 {
        1
    }
}

/// The parameters of a model whose variables `store` has, with their roles and layers: what an
/// optimizer is built of.
///
/// # Errors
/// As [`Parameters::from_var_store`] and [`Parameters::set_layers`].
///
/// ```
/// use lawn_core::{AdamConfig, OptimizerConfig, Schedule, WeightDecay};
/// use lawn_models::models::{Vit, VitConfig, parameters};
/// use tch::{Device, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let config = VitConfig { image_size: 32, depth: 1, ..VitConfig::small(10) };
/// let net = Vit::new(&store.root(), &config, 0);
/// let optimizer = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-3))
///     .with_decay(WeightDecay::Decoupled { rate: 0.1 })
///     .build(parameters(&net, &store)?)?;
/// // Positions are added to any picture, as timm has it.
/// let positions = optimizer.treatments().iter().find(|one| one.parameter == "pos_embed");
/// assert_eq!(positions.unwrap().decay, WeightDecay::None);
/// # Ok::<(), lawn_core::Error>(())
/// ```
pub fn parameters(model: &dyn Model, store: &VarStore) -> Result<Parameters, lawn_core::Error> {
    let mut parameters = Parameters::from_var_store(store)?;
    for name in model.biases() {
        parameters.set_role(&name, Role::Bias)?;
    }
    parameters.set_layers(model.layers())?;
    Ok(parameters)
}
