//! What is promised of a trial that is trained twice.

use lawn_models::Stage;

use super::device::DeviceChoice;
use super::sweep::Resources;

impl Resources {
    /// Whether the trials of a stage are to give the same bits each time on CUDA, too.
    pub(crate) fn is_deterministic(&self, stage: Stage) -> bool {
        self.deterministic.unwrap_or(stage == Stage::Confirm)
    }

    /// What is promised and what is not, a sentence a line.
    pub(crate) fn promise(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.device != DeviceChoice::Cuda {
            lines.push(format!(
                "on the CPU a trial that is repeated or resumed has the same bits, with the same \
                 build, model of processor and {}",
                match self.threads {
                    1 => "one thread".to_owned(),
                    threads => format!("{threads} threads"),
                }
            ));
        }
        if self.device != DeviceChoice::Cpu {
            let which = match self.deterministic {
                Some(true) => "a trial that is repeated or resumed has the same bits",
                None => "a confirmation that is repeated or resumed has the same bits",
                Some(false) => "no trial is promised the same bits",
            };
            let but = match self.deterministic {
                Some(false) => "",
                _ => {
                    ", with the same build, model of GPU and micro-batches, but for operations \
                      that its notices name"
                }
            };
            lines.push(format!("on CUDA {which}{but}"));
            if self.deterministic.is_none() {
                lines.push("tuning trials on CUDA are promised no bits".to_owned());
            }
            if self.graphs {
                lines.push(
                    "steps on CUDA are replayed from graphs where these can be captured: the first \
                     two of each graph are computed both ways, and where a bit differs, or more than \
                     rounding of operations that do not repeat their bits, the trial goes on without \
                     graphs and a notice says so"
                        .to_owned(),
                );
            }
        }
        lines.push("other micro-batches change results by rounding".to_owned());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(more: &str) -> Resources {
        let text = format!(
            "name = \"one\"\nbatch_sizes = [64]\n[tasks.t]\nkind = \"ncf\"\nmodel = \"gmf\"\n\
             data = \"generated\"\n[budget]\nepochs = 1\n[arms.sgd]\nrule = \"sgd\"\n\
             learning_rate = 0.1\n[confirmation]\nseeds = [1]\n[resources]\n{more}\n"
        );
        let sweep = crate::config::parse("one.toml", &text);
        sweep.unwrap_or_else(|error| panic!("{error}")).resources
    }

    #[test]
    fn what_is_promised_is_said_either_way() {
        let said = |more| resources(more).promise().join("\n");
        let cpu = said("");
        assert!(cpu.contains("one thread") && !cpu.contains("CUDA"), "{cpu}");
        let usual = said("device = \"cuda\"");
        assert!(
            usual.starts_with("on CUDA a confirmation that is repeated"),
            "{usual}"
        );
        assert!(
            usual.contains("tuning trials on CUDA are promised no bits"),
            "{usual}"
        );
        let all = said("device = \"cuda\"\ndeterministic = true");
        assert!(
            all.starts_with("on CUDA a trial that is repeated or resumed"),
            "{all}"
        );
        assert!(!all.contains("promised no"), "{all}");
        assert!(all.contains("replayed from graphs"), "{all}");
        let none = said("device = \"cuda\"\ngraphs = false");
        assert!(!none.contains("graphs"), "{none}");
        let none = said("device = \"auto\"\nthreads = 2\ndeterministic = false");
        assert!(
            none.contains("2 threads") && none.contains("no trial is promised"),
            "{none}"
        );
    }

    #[test]
    fn confirmations_are_deterministic_unless_it_is_said_otherwise() {
        let asked = |more| {
            let resources = resources(more);
            [Stage::Tune, Stage::Confirm].map(|stage| resources.is_deterministic(stage))
        };
        assert_eq!(asked(""), [false, true]);
        assert_eq!(asked("deterministic = true"), [true, true]);
        assert_eq!(asked("deterministic = false"), [false, false]);
    }
}
