//! Cards, their driver, and what compiles and replays for them.

use lawn_models::{Card, CudaCompiler, CudaProbe, Driver};

use super::finding::{Finding, State};

/// The cards and their driver, CUDA's compiler at run time, and graphs of CUDA. Without a card
/// nothing of this is needed.
pub(super) fn accelerators(cuda: &CudaProbe) -> [Finding; 3] {
    let graphs = match cuda {
        CudaProbe::Available { .. } => lawn_models::cuda_graphs(),
        _ => Err("libtorch does not use the card".into()),
    };
    findings(
        &lawn_models::cuda_driver(),
        &lawn_models::cuda_compiler(),
        &graphs,
    )
}

/// What is said of the answers of the driver, of the compiler, and of what graphs are called by.
fn findings(
    driver: &Result<Driver, String>,
    compiler: &Result<CudaCompiler, String>,
    graphs: &Result<(), String>,
) -> [Finding; 3] {
    let cards = driver.as_ref().map_or(&[][..], |driver| &driver.cards);
    [
        of_cards(driver),
        of_kernels(cards, compiler),
        of_graphs(driver, graphs),
    ]
}

fn finding(what: &'static str, state: State, found: String) -> Finding {
    Finding {
        what,
        state,
        found,
        advice: None,
    }
}

fn of_cards(driver: &Result<Driver, String>) -> Finding {
    match driver {
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
    }
}

/// The compiler may be there, and know no card that is.
fn of_kernels(cards: &[Card], compiler: &Result<CudaCompiler, String>) -> Finding {
    let without = "optimizers on CUDA take libtorch's operations, which are slower";
    let missing = |found, advice: String| Finding {
        advice: Some(advice),
        ..finding("CUDA kernels", State::Missing, found)
    };
    let compiler = match compiler {
        Ok(compiler) => compiler,
        Err(reason) => return missing(reason.clone(), without.into()),
    };
    let version = format!("NVRTC {}", compiler.version);
    let refused: Vec<(&Card, String)> = (cards.iter())
        .filter_map(|card| Some((card, compiler.require(capability(card)).err()?.to_string())))
        .collect();
    let left_out = format!("libtorch's operations take {}", CudaCompiler::LEFT_OUT);
    match &refused[..] {
        [] => Finding {
            advice: Some(left_out),
            ..finding("CUDA kernels", State::Ok, version)
        },
        [(first, why), ..] => {
            let found = format!("{version}, and for {}: {why}", first.name);
            let advice = match refused.len() == cards.len() {
                true => without.to_owned(),
                false => format!("{without}, on {} of {} cards", refused.len(), cards.len()),
            };
            missing(found, advice)
        }
    }
}

fn of_graphs(driver: &Result<Driver, String>, graphs: &Result<(), String>) -> Finding {
    match (driver, graphs) {
        (Ok(Driver { cards, cuda }), Ok(())) if !cards.is_empty() => {
            finding("CUDA graphs", State::Ok, format!("of {}", cuda_of(*cuda)))
        }
        (Ok(Driver { cards, .. }), Err(reason)) if !cards.is_empty() => Finding {
            advice: Some("trials launch their operations one by one".into()),
            ..finding("CUDA graphs", State::Missing, reason.clone())
        },
        _ => finding("CUDA graphs", State::Missing, "no card to tell".into()),
    }
}

/// 90 for 9.0.
fn capability(card: &Card) -> i32 {
    let [major, minor] = card.compute_capability;
    i32::try_from(10 * major + minor).unwrap_or(i32::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn driver(capabilities: &[[u32; 2]]) -> Driver {
        let card = |(number, &compute_capability)| Card {
            name: format!("Card {number}"),
            memory: 80 << 30,
            compute_capability,
        };
        Driver {
            cuda: [13, 0],
            cards: capabilities.iter().enumerate().map(card).collect(),
        }
    }

    fn compiler() -> CudaCompiler {
        CudaCompiler {
            version: "13.0".into(),
            capabilities: vec![75, 80, 86, 90, 100],
        }
    }

    /// State, finding and advice of kernels and of graphs.
    fn said(
        driver: Result<Driver, String>,
        compiler: Result<CudaCompiler, String>,
        graphs: Result<(), String>,
    ) -> [(State, String, String); 2] {
        let [_, kernels, replays] = findings(&driver, &compiler, &graphs);
        [kernels, replays].map(|one| (one.state, one.found, one.advice.unwrap_or_default()))
    }

    #[test]
    fn a_card_that_the_compiler_knows_has_kernels_and_their_limits_are_named() {
        // One that is newer than all takes what is made for the newest.
        for capability in [[9, 0], [12, 0]] {
            let [kernels, graphs] = said(Ok(driver(&[capability])), Ok(compiler()), Ok(()));
            assert_eq!((kernels.0, kernels.1.as_str()), (State::Ok, "NVRTC 13.0"));
            assert!(kernels.2.contains("Muon"), "{}", kernels.2);
            assert!(!kernels.2.contains('\n'), "{}", kernels.2);
            assert_eq!((graphs.0, graphs.1.as_str()), (State::Ok, "of CUDA 13.0"));
        }
    }

    #[test]
    fn a_card_that_the_compiler_does_not_know_has_none() {
        let [kernels, _] = said(Ok(driver(&[[7, 0]])), Ok(compiler()), Ok(()));
        assert_eq!(kernels.0, State::Missing);
        assert!(
            kernels.1.starts_with("NVRTC 13.0, and for Card 0: ")
                && kernels.1.contains("compute capability 7.0"),
            "{}",
            kernels.1
        );
        assert!(kernels.2.contains("slower") && !kernels.2.contains("of 2"));
        let [kernels, _] = said(Ok(driver(&[[9, 0], [7, 0]])), Ok(compiler()), Ok(()));
        assert!(kernels.1.contains("Card 1"), "{}", kernels.1);
        assert!(kernels.2.contains("on 1 of 2 cards"), "{}", kernels.2);
    }

    #[test]
    fn what_is_missing_is_said_in_the_words_of_whoever_misses_it() {
        let absent = || Err("none of libnvrtc.so can be loaded".to_owned());
        let name = "this libtorch has no _ZN2at4cuda9CUDAGraphC1Eb";
        let [kernels, graphs] = said(Ok(driver(&[[9, 0]])), absent(), Err(name.into()));
        assert_eq!(kernels.0, State::Missing);
        assert!(kernels.1.contains("libnvrtc"), "{}", kernels.1);
        assert_eq!((graphs.0, graphs.1.as_str()), (State::Missing, name));
        assert!(graphs.2.contains("one by one"), "{}", graphs.2);
        for driver in [Ok(driver(&[])), Err("no libcuda".to_owned())] {
            let [kernels, graphs] = said(driver, Ok(compiler()), Ok(()));
            assert_eq!(kernels.0, State::Ok);
            assert_eq!(graphs.1, "no card to tell");
        }
    }
}
