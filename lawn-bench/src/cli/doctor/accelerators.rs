//! Cards, their driver, and what compiles and replays for them.

use lawn_models::{Card, CudaProbe, Driver};

use super::finding::{Finding, State};

/// The cards and their driver, CUDA's compiler at run time, and graphs of CUDA. Without a card
/// nothing of this is needed.
pub(super) fn accelerators(cuda: &CudaProbe) -> [Finding; 3] {
    let finding = |what, state, found| Finding {
        what,
        state,
        found,
        advice: None,
    };
    let driver = lawn_models::cuda_driver();
    let cards = match &driver {
        Ok(driver) if driver.cards.is_empty() => finding(
            "cards",
            State::Missing,
            format!("a driver for {}, and no card", cuda_of(driver.cuda)),
        ),
        Ok(driver) => {
            let cards: Vec<String> = driver.cards.iter().map(card).collect();
            let found = format!(
                "{}; a driver for {}",
                cards.join(", "),
                cuda_of(driver.cuda)
            );
            finding("cards", State::Ok, found)
        }
        Err(reason) => finding("cards", State::Missing, reason.clone()),
    };
    let compiler = match lawn_models::cuda_compiler() {
        Ok(version) => finding("CUDA kernels", State::Ok, format!("NVRTC {version}")),
        Err(reason) => Finding {
            advice: Some("optimizers on CUDA take libtorch's operations, which are slower".into()),
            ..finding("CUDA kernels", State::Missing, reason)
        },
    };
    let graphs = match (&driver, cuda) {
        (Ok(driver), CudaProbe::Available { .. }) => finding(
            "CUDA graphs",
            State::Ok,
            format!("of {}", cuda_of(driver.cuda)),
        ),
        (Ok(Driver { cards, .. }), _) if !cards.is_empty() => finding(
            "CUDA graphs",
            State::Missing,
            "libtorch does not use the card".into(),
        ),
        _ => finding("CUDA graphs", State::Missing, "no card to tell".into()),
    };
    [cards, compiler, graphs]
}

fn card(card: &Card) -> String {
    let [major, minor] = card.compute_capability;
    let memory = card.memory as f64 / f64::from(1 << 30);
    format!(
        "{} (compute capability {major}.{minor}, {memory:.0} GiB)",
        card.name
    )
}

fn cuda_of([major, minor]: [u32; 2]) -> String {
    format!("CUDA {major}.{minor}")
}
