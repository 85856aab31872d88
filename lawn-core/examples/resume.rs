//! Saves a run in the middle, goes on from the file, and ends with the same bits.
//!
//! ```text
//! cargo run --release -p lawn-core --example resume
//! ```

use lawn_core::{AdamConfig, LawnConfig, Optimizer, OptimizerConfig, Parameters, Schedule, State};
use tch::nn::Module;
use tch::{Device, Kind, Tensor, nn};

struct Run {
    vs: nn::VarStore,
    model: nn::Linear,
    optimizer: Optimizer,
}

impl Run {
    fn new() -> Result<Self, lawn_core::Error> {
        tch::manual_seed(0);
        let vs = nn::VarStore::new(Device::Cpu);
        let model = nn::linear(vs.root() / "fc", 8, 3, Default::default());
        let optimizer = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-2))
            .with_lawn(LawnConfig::new(20))
            .build(Parameters::from_var_store(&vs)?)?;
        Ok(Self {
            vs,
            model,
            optimizer,
        })
    }

    fn train(&mut self, until: u64) -> Result<(), lawn_core::Error> {
        while self.optimizer.steps() < until {
            // Each step's data follows from its number, so that a resumed run sees the same.
            let step = self.optimizer.steps() as f64;
            let x = (Tensor::arange(32, (Kind::Float, Device::Cpu)).reshape([4, 8]) + step).sin();
            self.optimizer.zero_grad();
            self.model.forward(&x).square().mean(Kind::Float).backward();
            self.optimizer.step()?;
        }
        Ok(())
    }

    /// One file for everything: a state is a container of named tensors.
    fn save(&self, path: &std::path::Path) -> Result<(), lawn_core::Error> {
        let mut state = self.optimizer.state();
        for (name, tensor) in self.vs.variables() {
            state.tensors.insert(format!("model/{name}"), tensor);
        }
        state.save(path)
    }

    fn load(&mut self, path: &std::path::Path) -> Result<(), lawn_core::Error> {
        let mut state = State::load(path, Device::Cpu)?;
        for (name, mut tensor) in self.vs.variables() {
            let entry = format!("model/{name}");
            let saved = state
                .tensors
                .remove(&entry)
                .ok_or(lawn_core::Error::MissingEntry { entry })?;
            tch::no_grad(|| tensor.f_copy_(&saved))?;
        }
        self.optimizer.load_state(&state)
    }
}

fn main() -> Result<(), lawn_core::Error> {
    let path = std::env::temp_dir().join(format!(
        "lawn-core-resume-{}.safetensors",
        std::process::id()
    ));
    let mut whole = Run::new()?;
    whole.train(30)?;
    whole.save(&path)?;
    whole.train(60)?;

    let mut resumed = Run::new()?;
    resumed.load(&path)?;
    println!(
        "resumed at step {}, {}",
        resumed.optimizer.steps(),
        resumed.optimizer.phase()
    );
    resumed.train(60)?;

    let same = resumed.model.ws.equal(&whole.model.ws);
    println!(
        "after step 60 the weights are {}",
        if same { "the same bits" } else { "different" }
    );
    std::fs::remove_file(&path).map_err(|source| lawn_core::Error::Io { path, source })
}
