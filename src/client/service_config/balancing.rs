//! What a service config says about balancing.

use crate::client::balance::Balance;
use crate::client::service_config::ServiceConfigError;
use crate::client::service_config::field::Field;

/// A balancer that a config chose.
#[derive(Debug, Clone)]
pub(super) struct ChosenBalance {
    pub(super) balance: Balance,
    /// What the config said about it: the same words mean the same balancer.
    pub(super) said: String,
}

/// What a policy's own config says; `Ok(None)` where this client does not know the policy.
type Known = Result<Option<Balance>, ServiceConfigError>;

impl ChosenBalance {
    /// Reads the list and, where there is none, the name that stood in its place before there were lists.
    pub(super) fn read(config: &Field<'_>) -> Result<Option<Self>, ServiceConfigError> {
        if let Some(list) = config.get("loadBalancingConfig")? {
            return first_known(&list).map(Some);
        }
        let Some(name) = config.get("loadBalancingPolicy")? else { return Ok(None) };
        let balance = match name.text()? {
            "PICK_FIRST" | "pick_first" => Balance::PickFirst { shuffle: false },
            "ROUND_ROBIN" | "round_robin" => Balance::RoundRobin,
            other => return Err(name.wrong(format!("is {other:?}, which is neither pick_first nor round_robin"))),
        };
        Ok(Some(ChosenBalance { balance, said: name.json() }))
    }
}

/// The first policy of a list that this client knows. One that it knows must be right; the others are left alone.
pub(super) fn first_known(list: &Field<'_>) -> Result<ChosenBalance, ServiceConfigError> {
    let mut unknown = Vec::new();
    for entry in list.list()? {
        let (name, config) = entry.only()?;
        if let Some(balance) = known(name, &config)? {
            return Ok(ChosenBalance { balance, said: entry.json() });
        }
        unknown.push(format!("{name:?}"));
    }
    Err(list.wrong(match unknown.as_slice() {
        [] => "names no policy".to_owned(),
        names => format!("names no policy that this client knows, but {}", names.join(", ")),
    }))
}

/// What a policy means here. This is the one place that knows their names.
fn known(name: &str, config: &Field<'_>) -> Known {
    Ok(Some(match name {
        "pick_first" => {
            let shuffle = config.get("shuffleAddressList")?.map(|shuffle| shuffle.boolean()).transpose()?;
            Balance::PickFirst { shuffle: shuffle.unwrap_or(false) }
        }
        "round_robin" => {
            config.check_object()?;
            Balance::RoundRobin
        }
        _ => return Ok(None),
    }))
}
