use super::super::freeze::FreezeCondition;
use super::*;

/// What is missing is named as the budget allows it.
#[test]
fn a_missing_free_phase_is_one_that_the_budget_allows() {
    let adam = OptimizerSettings::new(RuleName::Adam, 1e-3);
    let lawn = OptimizerSettings {
        lawn: true,
        ..adam.clone()
    };
    let cpr = OptimizerSettings {
        constraint: Some(ConstraintName::Cpr),
        ..adam
    };
    for (settings, budget, said) in [
        (
            &cpr,
            Amount::Steps(100),
            "`free_steps` is missing, constraint = \"cpr\", without free_fraction, bound_factor or \
             bound_square in its place, needs it",
        ),
        (
            &cpr,
            Amount::Epochs(3),
            "`free_epochs` is missing, constraint = \"cpr\", without free_fraction, bound_factor or \
             bound_square in its place, needs it",
        ),
        (
            &lawn,
            Amount::Steps(100),
            "`free_steps` is missing, lawn = true, without free_fraction in its place, needs it",
        ),
        (
            &lawn,
            Amount::Samples(100),
            "`free_fraction` is missing, lawn = true needs it",
        ),
    ] {
        let error = settings.validate_within(budget).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    let said = cpr.validate().unwrap_err().to_string();
    assert_eq!(
        said,
        "`free_epochs` is missing, constraint = \"cpr\", without free_fraction, free_steps, \
         bound_factor or bound_square in its place, needs it"
    );
    let condition = OptimizerSettings {
        freeze_when: Some(FreezeCondition::LogitGrowth(2.0)),
        bound_factor: Some(1.0),
        ..cpr.clone()
    };
    let error = condition.validate_within(Amount::Steps(100)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`freeze_when` does not apply to constraint = \"cpr\"; give free_steps or free_fraction, too: \
         the freeze comes then at the latest"
    );
}

/// Of every rule that has a momentum, and of none that has none.
#[test]
fn looking_ahead_needs_a_momentum() {
    let ahead = |rule, nesterov, momentum| OptimizerSettings {
        nesterov,
        momentum,
        ..OptimizerSettings::new(rule, 0.1)
    };
    let (yes, no) = (Some(true), Some(false));
    let (none, some) = (Some(0.0), Some(0.9));
    for rule in [
        RuleName::Sgd,
        RuleName::Sgdp,
        RuleName::Lars,
        RuleName::Muon,
    ] {
        let error = ahead(rule, yes, none).validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`momentum` is 0, allowed is above 0 with nesterov = true",
            "{rule:?}"
        );
        ahead(rule, no, none).validate().unwrap();
        ahead(rule, yes, some).validate().unwrap();
        let is_sgd = rule == RuleName::Sgd;
        assert_eq!(ahead(rule, yes, None).validate().is_err(), is_sgd);
        // What is left out is a default, and the same.
        let is_muon = rule == RuleName::Muon;
        assert_eq!(ahead(rule, None, none).validate().is_err(), is_muon);
        let rest = OptimizerSettings {
            one_minus_momentum: Some(1.0),
            ..ahead(rule, yes, None)
        };
        assert_eq!(rest.validate().unwrap_err().setting(), "momentum");
    }
    ahead(RuleName::Adamp, yes, None).validate().unwrap();
}
