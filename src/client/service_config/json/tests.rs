use std::time::Duration;

use crate::client::balance::{
    Balance, FailurePercentage, LeastRequest, OutlierDetection, RingHash, SuccessRate, WeightedRoundRobin,
};
use crate::client::service_config::{RetryPolicy, ServiceConfig, Throttling};
use crate::status::Code;

fn read(json: &str) -> ServiceConfig {
    ServiceConfig::from_json(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn policy(json: &str) -> RetryPolicy {
    let config = read(&format!(r#"{{"methodConfig": [{{"name": [{{}}], "retryPolicy": {json}}}]}}"#));
    config.of_method("/a/b").and_then(|method| method.retry.clone()).expect("it is for all methods")
}

const WHOLE: &str = r#"{
    "loadBalancingConfig": [{"from_the_future": {"x": [1]}}, {"round_robin": {}}, {"pick_first": 7}],
    "methodConfig": [
        {"name": [{"service": "a.B", "method": "C"}, {"service": "a.D"}],
         "waitForReady": true, "timeout": "1.5s", "maxRequestMessageBytes": 100,
         "maxResponseMessageBytes": "200", "unknown": {"deep": true},
         "hedgingPolicy": {"maxAttempts": 9, "hedgingDelay": "0.5s", "nonFatalStatusCodes": ["ABORTED", 14]}},
        {"name": [{}], "timeout": null, "retryPolicy": {"maxAttempts": "3", "initialBackoff": ".1s",
         "maxBackoff": "1s", "backoffMultiplier": 1.5, "retryableStatusCodes": ["unavailable", 8]}},
        {"timeout": "3s"}
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1239},
    "healthCheckConfig": {"serviceName": "a.B"}
}"#;

#[test]
fn whatever_is_changed_in_a_config_is_read_or_refused() {
    let bytes = WHOLE.as_bytes();
    let mut refused = 0;
    for at in 0..bytes.len() {
        for other in [&b""[..], b"0", b"9", b"-", b"e", b"\"", b"{", b"}", b"[", b"null", b"1e999"] {
            let changed = [&bytes[..at], other, &bytes[at + 1..]].concat();
            let json = String::from_utf8(changed).expect("all of it is ASCII");
            refused += usize::from(ServiceConfig::from_json(&json).is_err());
        }
    }
    assert!(refused > bytes.len(), "{refused}");
}

#[test]
fn a_whole_config_is_read() {
    let config = read(WHOLE);
    assert!(matches!(config.chosen_balance(), Some(Balance::RoundRobin)));
    assert_eq!(config.health_check_service(), Some("a.B"));
    let throttling = Throttling { millitokens_max: 10_000, millitokens_per_success: 123 };
    assert_eq!(config.throttling(), Some(throttling));

    let exact = config.of_method("/a.B/C").expect("it is named");
    assert_eq!(exact.wait_for_ready, Some(true));
    assert_eq!(exact.timeout, Some(Duration::from_millis(1500)));
    assert_eq!((exact.request_bytes_max, exact.response_bytes_max), (Some(100), Some(200)));
    let hedging = exact.hedging.as_ref().expect("it is there");
    assert_eq!((hedging.attempts_max, hedging.delay), (5, Duration::from_millis(500)));
    let codes = [Code::Aborted, Code::Unavailable, Code::Internal].map(|code| hedging.non_fatal.contains(code));
    assert_eq!(codes, [true, true, false]);

    let others = config.of_method("/a.B/Other").expect("it falls under the rest");
    assert_eq!((others.timeout, &others.hedging), (None, &None));
    let retry = others.retry.as_ref().expect("it is there");
    assert_eq!((retry.attempts_max, retry.backoff_multiplier), (3, 1.5));
    assert_eq!((retry.initial_backoff, retry.backoff_max), (Duration::from_millis(100), Duration::from_secs(1)));
    let codes = [Code::Unavailable, Code::ResourceExhausted, Code::Ok].map(|code| retry.retryable.contains(code));
    assert_eq!(codes, [true, true, false]);
}

#[test]
fn a_method_is_found_by_its_name_its_service_or_neither() {
    let config = read(
        r#"{"methodConfig": [
            {"name": [{"service": "a.B", "method": "C"}], "timeout": "1s"},
            {"name": [{"service": "a.B", "method": ""}], "timeout": "2s"},
            {"name": [{"service": "", "method": ""}], "timeout": "3s"}
        ]}"#,
    );
    let table = [("/a.B/C", 1), ("/prefix/a.B/C", 1), ("/a.B/c", 2), ("/a.B/", 2), ("/a/C", 3), ("/B/C", 3), ("/", 3)];
    for (path, secs) in table {
        let timeout = config.of_method(path).and_then(|method| method.timeout);
        assert_eq!(timeout, Some(Duration::from_secs(secs)), "{path}");
    }
    assert!(read(r#"{"methodConfig": [{"name": [{"service": "a"}]}]}"#).of_method("/b/c").is_none());
    assert!(read("{}").of_method("/a/b").is_none());
}

#[test]
fn attempts_are_capped_and_duplicates_of_codes_are_no_matter() {
    let retry = policy(
        r#"{"maxAttempts": 1000, "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 0.5,
            "retryableStatusCodes": [14, "UNAVAILABLE", 14]}"#,
    );
    assert_eq!(retry.attempts_max, 5);
}

#[test]
fn balancers_are_chosen_by_the_first_that_is_known() {
    let table = [
        (r#"{"loadBalancingConfig": [{"pick_first": {"shuffleAddressList": true}}]}"#, "PickFirst { shuffle: true }"),
        (r#"{"loadBalancingConfig": [{"pick_first": {"other": 1}}]}"#, "PickFirst { shuffle: false }"),
        (r#"{"loadBalancingConfig": [{"xds": {}}, {"round_robin": {}}]}"#, "RoundRobin"),
        (r#"{"loadBalancingPolicy": "ROUND_ROBIN"}"#, "RoundRobin"),
        (r#"{"loadBalancingPolicy": "pick_first"}"#, "PickFirst { shuffle: false }"),
        (r#"{"loadBalancingPolicy": "pick_first", "loadBalancingConfig": [{"round_robin": {}}]}"#, "RoundRobin"),
    ];
    for (json, expected) in table {
        assert_eq!(format!("{:?}", read(json).chosen_balance().expect("it says so")), expected, "{json}");
        assert!(read(json).chosen_outlier_detection().is_none());
    }
    assert!(read("{}").chosen_balance().is_none());
    let (one, other) = (read(table[0].0), read(table[1].0));
    assert!(one.balances_like(&read(table[0].0)) && !one.balances_like(&other) && !one.balances_like(&read("{}")));
}

#[test]
fn settings_of_balancers_are_read() {
    let table = [
        (r#"{"weighted_round_robin": {}}"#, Balance::WeightedRoundRobin(WeightedRoundRobin::new())),
        (
            r#"{"weighted_round_robin": {"enableOobLoadReport": true, "blackoutPeriod": "1s",
                "weightExpirationPeriod": "2s", "weightUpdatePeriod": "3s", "errorUtilizationPenalty": 0.5}}"#,
            Balance::WeightedRoundRobin(
                WeightedRoundRobin::new()
                    .blackout_period(Duration::from_secs(1))
                    .weight_expiration_period(Duration::from_secs(2))
                    .weight_update_period(Duration::from_secs(3))
                    .error_utilization_penalty(0.5),
            ),
        ),
        (
            r#"{"least_request_experimental": {"choiceCount": 3}}"#,
            Balance::LeastRequest(LeastRequest::new().choice_count(3)),
        ),
        (r#"{"ring_hash_experimental": {"requestHashHeader": ""}}"#, Balance::RingHash(RingHash::new())),
        (
            r#"{"ring_hash_experimental": {"minRingSize": "10", "maxRingSize": 20, "requestHashHeader": "x-user"}}"#,
            Balance::RingHash(
                RingHash::new()
                    .min_ring_size(10)
                    .max_ring_size(20)
                    .request_hash_header("x-user")
                    .expect("it is a header's name"),
            ),
        ),
    ];
    for (json, expected) in table {
        let config = read(&format!(r#"{{"loadBalancingConfig": [{json}]}}"#));
        assert_eq!(format!("{:?}", config.chosen_balance().expect("it says so")), format!("{expected:?}"), "{json}");
    }
}

#[test]
fn outlier_detection_lies_around_another_policy() {
    let config = read(
        r#"{"loadBalancingConfig": [{"outlier_detection_experimental": {
            "interval": "1s", "baseEjectionTime": "2s", "maxEjectionTime": "3s", "maxEjectionPercent": 50,
            "successRateEjection": {"stdevFactor": 1, "enforcementPercentage": 2, "minimumHosts": 3,
                "requestVolume": 4},
            "failurePercentageEjection": {"threshold": 5, "enforcementPercentage": 6, "minimumHosts": 7,
                "requestVolume": 8},
            "childPolicy": [{"unknown": {}}, {"round_robin": {}}]}}]}"#,
    );
    let (rate, share) = (SuccessRate::new(), FailurePercentage::new());
    let expected = OutlierDetection::new()
        .interval(Duration::from_secs(1))
        .base_ejection_time(Duration::from_secs(2))
        .max_ejection_time(Duration::from_secs(3))
        .max_ejection_percent(50)
        .success_rate(rate.stdev_factor(1).enforcement_percentage(2).minimum_hosts(3).request_volume(4))
        .failure_percentage(share.threshold(5).enforcement_percentage(6).minimum_hosts(7).request_volume(8));
    assert_eq!(config.chosen_outlier_detection(), Some(&expected));
    assert!(matches!(config.chosen_balance(), Some(Balance::RoundRobin)));
}

/// A config whose only method has this policy, with one field changed.
fn wrong_policy(kind: &str, field: &str, value: &str) -> String {
    let mut policy = serde_json::json!({
        "maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    });
    policy[field] = serde_json::from_str(value).expect("the table holds JSON");
    serde_json::json!({"methodConfig": [{"name": [{}], kind: policy}]}).to_string()
}

fn check_wrong(json: &str, expected: &str) {
    match ServiceConfig::from_json(json) {
        Ok(_) => panic!("{json} is taken"),
        Err(error) => assert_eq!(error.to_string(), expected, "{json}"),
    }
}

#[test]
fn what_is_wrong_with_a_policy_is_named() {
    const CODES: &str = "the name or the number of a status code, such as \"UNAVAILABLE\" or 14";
    let table = [
        ("retryPolicy", "maxAttempts", "1", "maxAttempts: must be at least 2, and is 1"),
        ("retryPolicy", "maxAttempts", "-3", "maxAttempts: must be at least 2, and is -3"),
        ("retryPolicy", "maxAttempts", "2.5", "maxAttempts: must be a whole number, and is 2.5"),
        (
            "retryPolicy",
            "maxAttempts",
            "1e30",
            "maxAttempts: must be at most 4294967295, and is 1000000000000000000000000000000",
        ),
        ("retryPolicy", "maxAttempts", "\"many\"", "maxAttempts: must be a number, and is \"many\""),
        ("retryPolicy", "maxAttempts", "null", "maxAttempts: is missing"),
        ("retryPolicy", "initialBackoff", "null", "initialBackoff: is missing"),
        ("retryPolicy", "initialBackoff", "\"0s\"", "initialBackoff: must be more than 0, and is 0s"),
        ("retryPolicy", "initialBackoff", "0.1", "initialBackoff: must be a duration such as \"1.5s\", and is 0.1"),
        (
            "retryPolicy",
            "initialBackoff",
            "\"-1s\"",
            "initialBackoff: must be a duration such as \"1.5s\", and is \"-1s\"",
        ),
        ("retryPolicy", "maxBackoff", "\"5ms\"", "maxBackoff: must be a duration such as \"1.5s\", and is \"5ms\""),
        ("retryPolicy", "maxBackoff", "\"0.000s\"", "maxBackoff: must be more than 0, and is 0s"),
        ("retryPolicy", "backoffMultiplier", "0", "backoffMultiplier: must be more than 0, and is 0"),
        ("retryPolicy", "backoffMultiplier", "\"NaN\"", "backoffMultiplier: must be a number, and is \"NaN\""),
        ("retryPolicy", "backoffMultiplier", "null", "backoffMultiplier: is missing"),
        ("retryPolicy", "retryableStatusCodes", "null", "retryableStatusCodes: is missing"),
        (
            "retryPolicy",
            "retryableStatusCodes",
            "[]",
            "retryableStatusCodes: must name at least one status code, and names none",
        ),
        ("retryPolicy", "retryableStatusCodes", "14", "retryableStatusCodes: must be a list, and is 14"),
        ("retryPolicy", "retryableStatusCodes", "[14, \"OK\"]", "retryableStatusCodes[1]: is OK, which is no failure"),
        ("retryPolicy", "retryableStatusCodes", "[0]", "retryableStatusCodes[0]: is OK, which is no failure"),
        (
            "retryPolicy",
            "retryableStatusCodes",
            "[17]",
            &format!("retryableStatusCodes[0]: must be {CODES}, and is 17"),
        ),
        (
            "retryPolicy",
            "retryableStatusCodes",
            "[\"BUSY\"]",
            &format!("retryableStatusCodes[0]: must be {CODES}, and is \"BUSY\""),
        ),
        ("hedgingPolicy", "maxAttempts", "0", "maxAttempts: must be at least 2, and is 0"),
        ("hedgingPolicy", "hedgingDelay", "5", "hedgingDelay: must be a duration such as \"1.5s\", and is 5"),
        (
            "hedgingPolicy",
            "nonFatalStatusCodes",
            "[true]",
            &format!("nonFatalStatusCodes[0]: must be {CODES}, and is true"),
        ),
        ("hedgingPolicy", "nonFatalStatusCodes", "{}", "nonFatalStatusCodes: must be a list, and is {}"),
    ];
    for (kind, field, value, expected) in table {
        check_wrong(&wrong_policy(kind, field, value), &format!("methodConfig[0].{kind}.{expected}"));
    }
}

#[test]
fn what_is_wrong_with_methods_is_named() {
    let table = [
        ("", "the service config: is no JSON: EOF while parsing a value at line 1 column 0"),
        ("{\"methodConfig\": [}", "the service config: is no JSON: expected value at line 1 column 19"),
        ("[]", "the service config: must be an object, and is []"),
        ("7", "the service config: must be an object, and is 7"),
        (r#"{"methodConfig": {}}"#, "methodConfig: must be a list, and is {}"),
        (r#"{"methodConfig": [1]}"#, "methodConfig[0]: must be an object, and is 1"),
        (r#"{"methodConfig": [{"name": "all"}]}"#, "methodConfig[0].name: must be a list, and is \"all\""),
        (
            r#"{"methodConfig": [{"name": [{"service": 5}]}]}"#,
            "methodConfig[0].name[0].service: must be a string, and is 5",
        ),
        (
            r#"{"methodConfig": [{"name": [{"method": "M"}]}]}"#,
            "methodConfig[0].name[0]: names the method \"M\" without its service",
        ),
        (
            r#"{"methodConfig": [{"name": [{"service": "s"}]}, {"name": [{"service": "t"}, {"service": "s"}]}]}"#,
            "methodConfig[1].name[1]: names \"s\" once more, after methodConfig[0].name[0]",
        ),
        (
            r#"{"methodConfig": [{"name": [{"service": "s", "method": "m"}, {"service": "s", "method": "m"}]}]}"#,
            "methodConfig[0].name[1]: names \"s/m\" once more, after methodConfig[0].name[0]",
        ),
        (
            r#"{"methodConfig": [{"name": [{}]}, {"name": [{"service": ""}]}]}"#,
            "methodConfig[1].name[0]: names all methods once more, after methodConfig[0].name[0]",
        ),
        (
            r#"{"methodConfig": [{}, {"waitForReady": "yes"}]}"#,
            "methodConfig[1].waitForReady: must be true or false, and is \"yes\"",
        ),
        (
            r#"{"methodConfig": [{"timeout": 5}]}"#,
            "methodConfig[0].timeout: must be a duration such as \"1.5s\", and is 5",
        ),
        (
            r#"{"methodConfig": [{"maxRequestMessageBytes": -1}]}"#,
            "methodConfig[0].maxRequestMessageBytes: must be at least 0, and is -1",
        ),
        (
            r#"{"methodConfig": [{"maxResponseMessageBytes": 4294967296}]}"#,
            "methodConfig[0].maxResponseMessageBytes: must be at most 4294967295, and is 4294967296",
        ),
        (
            r#"{"methodConfig": [{"hedgingPolicy": {"maxAttempts": 2}, "retryPolicy": {"maxAttempts": 2,
                "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 1, "retryableStatusCodes": [14]}}]}"#,
            "methodConfig[0]: has both a retryPolicy and a hedgingPolicy, of which a method can have one",
        ),
    ];
    for (json, expected) in table {
        check_wrong(json, expected);
    }
}

#[test]
fn a_config_of_some_megabytes_is_not_read() {
    check_wrong(
        &format!("{{}}{}", " ".repeat(1024 * 1024)),
        "the service config: has 1048578 bytes, more than the 1048576 that are read",
    );
}

#[test]
fn what_is_wrong_with_the_rest_is_named() {
    let table = [
        (r#"{"retryThrottling": []}"#, "retryThrottling: must be an object, and is []"),
        (r#"{"retryThrottling": {}}"#, "retryThrottling.maxTokens: is missing"),
        (r#"{"retryThrottling": {"maxTokens": 0}}"#, "retryThrottling.maxTokens: must be at least 1, and is 0"),
        (r#"{"retryThrottling": {"maxTokens": 1001}}"#, "retryThrottling.maxTokens: must be at most 1000, and is 1001"),
        (r#"{"retryThrottling": {"maxTokens": 10}}"#, "retryThrottling.tokenRatio: is missing"),
        (
            r#"{"retryThrottling": {"maxTokens": 10, "tokenRatio": 0}}"#,
            "retryThrottling.tokenRatio: must be more than 0, and is 0",
        ),
        (
            r#"{"retryThrottling": {"maxTokens": 10, "tokenRatio": 0.0009}}"#,
            "retryThrottling.tokenRatio: must be at least 0.001: its further decimals do not count",
        ),
        (r#"{"healthCheckConfig": {"serviceName": 1}}"#, "healthCheckConfig.serviceName: must be a string, and is 1"),
        (r#"{"healthCheckConfig": "x"}"#, "healthCheckConfig: must be an object, and is \"x\""),
    ];
    for (json, expected) in table {
        check_wrong(json, expected);
    }
}

#[test]
fn what_is_wrong_with_settings_of_balancers_is_named() {
    let table = [
        ("least_request_experimental", r#"{"choiceCount": 1}"#, ".choiceCount: must be at least 2, and is 1"),
        (
            "ring_hash_experimental",
            r#"{"minRingSize": 3, "maxRingSize": 2}"#,
            ": has a minRingSize of 3, more than its maxRingSize of 2",
        ),
        (
            "ring_hash_experimental",
            r#"{"maxRingSize": 8388609}"#,
            ".maxRingSize: must be at most 8388608, and is 8388609",
        ),
        (
            "ring_hash_experimental",
            r#"{"requestHashHeader": "a-bin"}"#,
            ".requestHashHeader: is \"a-bin\", which cannot be the name of metadata in text",
        ),
        (
            "weighted_round_robin",
            r#"{"errorUtilizationPenalty": -1}"#,
            ".errorUtilizationPenalty: must be at least 0, and is -1",
        ),
        ("outlier_detection_experimental", "{}", ".childPolicy: is missing"),
        (
            "outlier_detection_experimental",
            r#"{"interval": "0s", "childPolicy": [{"round_robin": {}}]}"#,
            ".interval: must be more than 0, and is 0s",
        ),
        (
            "outlier_detection_experimental",
            r#"{"successRateEjection": {"enforcementPercentage": 101}, "childPolicy": [{"round_robin": {}}]}"#,
            ".successRateEjection.enforcementPercentage: must be at most 100, and is 101",
        ),
        (
            "outlier_detection_experimental",
            r#"{"childPolicy": [{"outlier_detection_experimental": {"childPolicy": [{"round_robin": {}}]}}]}"#,
            ": has another outlier_detection_experimental as its childPolicy",
        ),
    ];
    for (name, config, expected) in table {
        let json = format!(r#"{{"loadBalancingConfig": [{{"{name}": {config}}}]}}"#);
        check_wrong(&json, &format!("loadBalancingConfig[0].{name}{expected}"));
    }
}

#[test]
fn what_is_wrong_with_balancing_is_named() {
    let table = [
        (r#"{"loadBalancingConfig": {}}"#, "loadBalancingConfig: must be a list, and is {}"),
        (r#"{"loadBalancingConfig": []}"#, "loadBalancingConfig: names no policy"),
        (
            r#"{"loadBalancingConfig": [{"a": {}}, {"b": {}}]}"#,
            "loadBalancingConfig: names no policy that this client knows, but \"a\", \"b\"",
        ),
        (r#"{"loadBalancingConfig": [{}]}"#, "loadBalancingConfig[0]: must have exactly one field, and has 0"),
        (
            r#"{"loadBalancingConfig": [{"a": {}, "b": {}}]}"#,
            "loadBalancingConfig[0]: must have exactly one field, and has 2",
        ),
        (
            r#"{"loadBalancingConfig": [{"x": 1}, {"round_robin": 7}]}"#,
            "loadBalancingConfig[1].round_robin: must be an object, and is 7",
        ),
        (
            r#"{"loadBalancingConfig": [{"pick_first": {"shuffleAddressList": 1}}]}"#,
            "loadBalancingConfig[0].pick_first.shuffleAddressList: must be true or false, and is 1",
        ),
        (
            r#"{"loadBalancingPolicy": "grpclb"}"#,
            "loadBalancingPolicy: is \"grpclb\", which is neither pick_first nor round_robin",
        ),
    ];
    for (json, expected) in table {
        check_wrong(json, expected);
    }
}
