//! The services of one or two unary methods: the greeters, the users, `compute.Compute` and `Cal`.

use seltzer::services::schemas::compute::{self, compute_client::ComputeClient};
use seltzer::services::schemas::simple_cal::{AddRequest, MultiplyRequest, cal_client::CalClient};
use seltzer::services::schemas::user::{Details, GetUserRequest, user_client::UserClient};
use seltzer::services::schemas::{greeter, hello, helloworld};
use seltzer::{Code, Response, Status};

use crate::services::carriers::{all, over_both, refused};

/// Names that a greeting must leave as they are.
const NAMES: [&str; 5] = ["world", "", "世界", "e\u{301}", "two words\n"];

#[tokio::test]
async fn the_greeter_without_a_package_greets_twice_alike() {
    over_both(async |demo| {
        let client = greeter::greeter_client::GreeterClient::new(demo.channel.clone());
        for name in NAMES {
            let request = || greeter::HelloRequest { name: name.to_owned() };
            let greeting = format!("hello {name}");
            assert_eq!(client.say_hello(request()).await.unwrap().into_inner().message, greeting);
            assert_eq!(client.say_hello_again(request()).await.unwrap().into_inner().message, greeting);
        }
    })
    .await;
}

#[tokio::test]
async fn the_greeter_of_hello_greets_with_a_comma() {
    over_both(async |demo| {
        let client = hello::greeter_client::GreeterClient::new(demo.channel.clone());
        for name in NAMES {
            let reply = client.say_hello(hello::HelloRequest { name: name.to_owned() }).await.unwrap().into_inner();
            assert_eq!(reply.message, format!("Hello, {name}"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_greeter_of_helloworld_greets_with_a_mark_and_ten_times() {
    over_both(async |demo| {
        let client = helloworld::greeter_client::GreeterClient::new(demo.channel.clone());
        for name in NAMES {
            let request = || helloworld::HelloRequest { name: name.to_owned() };
            let reply = client.say_hello(request()).await.unwrap().into_inner();
            assert_eq!(reply.message, format!("Hello, {name}!"));
            let replies = all(client.say_hello_stream_reply(request()).await.unwrap()).await;
            let texts: Vec<_> = replies.into_iter().map(|reply| reply.message).collect();
            assert_eq!(texts, (0..10).map(|number| format!("Hello number {number}, {name}!")).collect::<Vec<_>>());
        }
    })
    .await;
}

#[tokio::test]
async fn users_are_known_or_not_found_by_their_id() {
    over_both(async |demo| {
        let client = UserClient::new(demo.channel.clone());
        let reply = client.get_user(GetUserRequest { id: 2 }).await.unwrap().into_inner();
        assert_eq!(reply.details, Some(Details { id: 2, value: "twtrubiks".to_owned() }));
        for id in [0, -1, 404, i32::MIN, i32::MAX] {
            let status = refused(client.get_user(GetUserRequest { id }).await, Code::NotFound);
            assert_eq!(status.message(), format!("no user has the id {id}"));
        }
    })
    .await;
}

#[tokio::test]
async fn characters_are_unicode_scalar_values() {
    let table = [
        ("", "0"),
        ("hello", "5"),
        ("你好，世界", "5"),
        ("\u{e9}", "1"),
        ("e\u{301}", "2"), // the same letter with a combining mark
        ("😀", "1"),
        ("👩\u{200d}🚀", "3"), // woman, joiner, rocket: one picture
        ("🇳🇿", "2"),
        ("\0\r\n", "3"),
    ];
    over_both(async |demo| {
        let client = ComputeClient::new(demo.channel.clone());
        for (text, count) in table {
            let reply = client.say_hello(compute::HelloRequest { helloworld: text.to_owned() }).await.unwrap();
            assert_eq!(reply.into_inner().result, count, "{text:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn whole_numbers_are_calculated_in_32_bits_or_out_of_range() {
    const MIN: i32 = i32::MIN;
    const MAX: i32 = i32::MAX;
    let sums = [
        ((2, 3), Some(5)),
        ((MAX, MIN), Some(-1)),
        ((MAX - 1, 1), Some(MAX)),
        ((MIN + 1, -1), Some(MIN)),
        ((MAX, 1), None),
        ((MIN, -1), None),
        ((MAX, MAX), None),
        ((MIN, MIN), None),
    ];
    let products = [
        ((-4, 5), Some(-20)),
        ((MIN, 1), Some(MIN)),
        ((MIN, 0), Some(0)),
        ((46_340, 46_340), Some(2_147_395_600)),
        ((46_341, 46_341), None),
        ((-65_536, 32_768), Some(MIN)),
        ((65_536, 32_768), None),
        ((MIN, -1), None),
    ];
    over_both(async |demo| {
        let client = CalClient::new(demo.channel.clone());
        for ((number1, number2), expected) in sums {
            let result = client.add(AddRequest { number1, number2 }).await;
            check(result.map(number), expected, &format!("{number1} + {number2}"));
        }
        for ((number1, number2), expected) in products {
            let result = client.multiply(MultiplyRequest { number1, number2 }).await;
            check(result.map(number), expected, &format!("{number1} * {number2}"));
        }
    })
    .await;

    fn number(reply: Response<seltzer::services::schemas::simple_cal::ResultReply>) -> i32 {
        reply.into_inner().number
    }

    fn check(result: Result<i32, Status>, expected: Option<i32>, what: &str) {
        match expected {
            Some(number) => assert_eq!(result.unwrap(), number, "{what}"),
            None => assert_eq!(result.unwrap_err().code(), Code::OutOfRange, "{what}"),
        }
    }
}
