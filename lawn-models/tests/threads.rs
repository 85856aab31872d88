//! Threads of the kernels. A file of its own, as their number is the whole process's.

use lawn_models::models::{Mode, Model, NcfModelKind, NeuMf, NeuMfConfig};
use lawn_models::{kernel_threads, set_threads};
use tch::{Device, Kind, Tensor, nn};

const USERS: i64 = 300;
const ITEMS: i64 = 70;

/// Gradients of a GMF's tables, of which no sum goes over libtorch's own threads.
fn gradients() -> Vec<Tensor> {
    let store = nn::VarStore::new(Device::Cpu);
    let config = NeuMfConfig {
        model: NcfModelKind::Gmf,
        factors: 33,
        ..NeuMfConfig::new(USERS, ITEMS)
    };
    let model = NeuMf::new(&store.root(), &config, 0);
    let samples = Tensor::arange(20_000, (Kind::Int64, Device::Cpu));
    let inputs = [
        (&samples * 7).remainder(USERS),
        (&samples * &samples).remainder(ITEMS),
    ];
    let logits = model.forward(&inputs, Mode::Train { first: 0 });
    (logits.sin() * samples.to_kind(Kind::Float))
        .sum(Kind::Float)
        .backward();
    let variables = store.variables();
    let mut names: Vec<&String> = variables
        .keys()
        .filter(|name| !name.contains("output"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 2);
    names.iter().map(|name| variables[*name].grad()).collect()
}

#[test]
fn kernels_use_all_threads_to_the_same_bits() {
    set_threads(1);
    assert_eq!(kernel_threads(), 1);
    let alone = gradients();
    for threads in [2, 3, 8] {
        set_threads(threads);
        assert_eq!(kernel_threads(), threads);
        for (a, b) in alone.iter().zip(&gradients()) {
            assert!(a.equal(b), "{threads} threads");
        }
    }
}
