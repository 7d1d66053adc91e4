//! Paths, query parameters and bodies as messages.

use seltzer::gateway::{Gateway, JsonOptions};

use crate::gateway::{check, serve};

#[tokio::test]
async fn paths_fill_fields() {
    let server = serve(Gateway::new()).await;
    check(
        &server,
        &[
            ("GET /v1/shelves/1/books/2", "", r#"200 {"name":"shelves/1/books/2"}"#),
            ("GET /v1/shelves/a%20b/books/%C3%A9", "", r#"200 {"name":"shelves/a b/books/é"}"#),
            ("GET /v1/shelves/a%2Fb/books/2", "", r#"200 {"name":"shelves/a%2Fb/books/2"}"#),
            ("GET /v1/shelves/a+b/books/2", "", r#"200 {"name":"shelves/a+b/books/2"}"#),
            ("GET /v1/isbn/978", "", r#"200 {"title":"978"}"#),
            ("GET /v1/isbn/a%2Fb", "", r#"200 {"title":"a/b"}"#),
            ("GET /v1/isbn/a%2fb", "", r#"200 {"title":"a/b"}"#),
            ("GET /v1/isbn/a:b", "", r#"200 {"title":"a:b"}"#),
            ("GET /v1/isbn/", "", "404 ..."),
            ("GET /v1/isbn", "", "404 ..."),
            ("GET /v1/isbn/1/", "", "404 ..."),
            ("GET /v1/isbn/%zz", "", "400 ...percent sign"),
            ("GET /v1/isbn/%ff", "", "400 ...not UTF-8"),
            ("GET /v1/isbn/%2e%2e", "", "400 ...dot segments"),
            ("GET /v1/shelves/../books/2", "", "400 ...dot segments"),
            ("GET /v1/isbn/%00", "", r#"200 {"title":"\u0000"}"#),
            ("DELETE /v1/shelves/1/books/2", "", "200 {}"),
            ("GET /v1/numbers/5/NOVEL/true", "", r#"200 {"anInt32":5,"genre":"NOVEL","inner":{"aBool":true}}"#),
            ("GET /v1/numbers/-5/2/false", "", r#"200 {"anInt32":-5,"genre":"POEM","inner":{}}"#),
            ("GET /v1/numbers/x/2/false", "", "400 ...an_int32 in the path"),
            ("GET /v1/numbers/1/PROSE/false", "", "400 ...it has GENRE_UNSPECIFIED, NOVEL, POEM"),
            ("GET /v1/numbers/1/0/yes", "", "400 ...inner.a_bool in the path"),
            ("GET /v1/known/1970-01-01T00:00:01Z/7", "", r#"200 {"time":"1970-01-01T00:00:01Z","int64Value":"7"}"#),
            ("GET /v1/known/now/7", "", "400 ...time in the path"),
            ("LOCK /v1/locks/a:lock", "", r#"200 {"text":"a"}"#),
            ("LOCK /v1/locks/a:b:lock", "", r#"200 {"text":"a:b"}"#),
            ("LOCK /v1/locks/a", "", "404 ..."),
            ("BREW /v1/whatever/a/b", "", r#"200 {"text":"a/b"}"#),
            ("GET /v1/whatever/", "", "200 {}"),
            ("GET /v1/whatever", "", "200 {}"),
            ("GET /v1/whatever/a//b", "", r#"200 {"text":"a//b"}"#),
        ],
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn queries_fill_what_the_path_does_not() {
    let server = serve(Gateway::new()).await;
    check(
        &server,
        &[
            ("GET /v1/echo/a?an_int32=5&aBool=true", "", r#"200 {"anInt32":5,"aBool":true,"text":"a"}"#),
            ("GET /v1/echo/a?numbers=1&numbers=2", "", r#"200 {"text":"a","numbers":[1,2]}"#),
            ("GET /v1/echo/a?texts=x+y&texts=%2B", "", r#"200 {"text":"a","texts":["x y","+"]}"#),
            (
                "GET /v1/echo/a?genre=POEM&genres=1&genres=POEM",
                "",
                r#"200 {"text":"a","genre":"POEM","genres":["NOVEL","POEM"]}"#,
            ),
            ("GET /v1/echo/a?inner.inner.text=x", "", r#"200 {"text":"a","inner":{"inner":{"text":"x"}}}"#),
            (
                "GET /v1/echo/a?inner.an_int64=1&inner.anInt32=2",
                "",
                r#"200 {"text":"a","inner":{"anInt32":2,"anInt64":"1"}}"#,
            ),
            ("GET /v1/echo/a?labels[x]=1", "", r#"200 {"text":"a","labels":{"x":"1"}}"#),
            ("GET /v1/echo/a?labels%5Ba.b%5D=1", "", r#"200 {"text":"a","labels":{"a.b":"1"}}"#),
            ("GET /v1/echo/a?counts[-1]=2", "", r#"200 {"text":"a","counts":{"-1":"2"}}"#),
            ("GET /v1/echo/a?chosen[true]=1", "", r#"200 {"text":"a","chosen":{"true":"NOVEL"}}"#),
            ("GET /v1/echo/a?time=2024-01-01T00:00:00Z", "", r#"200 {"text":"a","time":"2024-01-01T00:00:00Z"}"#),
            ("GET /v1/echo/a?times=2024-01-01T00:00:00Z", "", r#"200 {"text":"a","times":["2024-01-01T00:00:00Z"]}"#),
            ("GET /v1/echo/a?duration=1.5s", "", r#"200 {"text":"a","duration":"1.500s"}"#),
            ("GET /v1/echo/a?mask=a_b,cD", "", r#"200 {"text":"a","mask":"aB,cD"}"#),
            (
                "GET /v1/echo/a?bool_value=false&string_value=",
                "",
                r#"200 {"text":"a","boolValue":false,"stringValue":""}"#,
            ),
            ("GET /v1/echo/a?data=aGk%3D&a_double=1e3", "", r#"200 {"aDouble":1000.0,"text":"a","data":"aGk="}"#),
            ("GET /v1/echo/a?maybe=", "", r#"200 {"text":"a","maybe":""}"#),
            ("GET /v1/echo/a?maybe", "", r#"200 {"text":"a","maybe":""}"#),
            ("GET /v1/echo/a?", "", r#"200 {"text":"a"}"#),
            ("GET /v1/echo/a?&&", "", r#"200 {"text":"a"}"#),
            ("GET /v1/echo/a?nothing=1", "", "400 ...query parameter nothing"),
            ("GET /v1/echo/a?inner.nothing=1", "", "400 ...inner.nothing"),
            ("GET /v1/echo/a?an_int32=x", "", "400 ...query parameter an_int32"),
            ("GET /v1/echo/a?an_int32=1&anInt32=2", "", "400 ...twice"),
            ("GET /v1/echo/a?text=b", "", "400 ...stands in the path already"),
            ("GET /v1/echo/a?inner=1", "", "400 ...cannot be written in a URL"),
            ("GET /v1/echo/a?inners.text=1", "", "400 ...field by field"),
            ("GET /v1/echo/a?labels=1", "", "400 ...[KEY]=VALUE"),
            ("GET /v1/echo/a?labels[x]=1&labels[x]=2", "", "400 ...twice"),
            ("GET /v1/echo/a?labels[x=1", "", "400 ...[KEY]=VALUE"),
            ("GET /v1/echo/a?counts[x]=1", "", "400 ...was expected"),
            ("GET /v1/echo/a?text[0]=1", "", "400 ...no map"),
            ("GET /v1/echo/a?an_int32.x=1", "", "400 ...no message"),
            ("GET /v1/echo/a?authors[x]=1", "", "400 ...cannot be written"),
            ("GET /v1/echo/a?chosen_text=1&chosen_number=2", "", "400 ...only one of choice"),
            ("GET /v1/echo/a?maybe=%ff", "", "400 ...not UTF-8"),
            ("GET /v1/echo/a?maybe=%f", "", "400 ...percent sign"),
            ("GET /v1/echo/a?%ff=1", "", "400 ...not UTF-8"),
            ("POST /v1/echo?text=1", "{}", "400 ...the body holds all fields"),
            (
                "GET /v1/shelves/1/books?page_size=2&filter.author.name=x",
                "",
                r#"200 [{"name":"shelves/1/books/1"},{"name":"shelves/1/books/2"}]"#,
            ),
            (
                "GET /v1/shelves/1/books/2?readMask=title,pageCount",
                "",
                r#"200 {"name":"shelves/1/books/2","tags":["title","page_count"]}"#,
            ),
        ],
    )
    .await;
    let deep = format!("GET /v1/echo/a?{}text=1", "inner.".repeat(40));
    let many = format!("GET /v1/echo/a?{}", "numbers=1&".repeat(1001));
    check(&server, &[(&deep, "", "400 ...fields deep"), (&many, "", "400 ...more than 1000")]).await;
    server.stop().await;

    let server = serve(Gateway::new().ignore_unknown_query(true)).await;
    check(&server, &[("GET /v1/echo/a?nothing=1&maybe=x", "", r#"200 {"text":"a","maybe":"x"}"#)]).await;
    server.stop().await;
}

#[tokio::test]
async fn bodies_are_messages_or_fields_of_them() {
    let server = serve(Gateway::new()).await;
    check(
        &server,
        &[
            ("POST /v1/echo", r#"{"text":"a"}"#, r#"200 {"text":"a"}"#),
            ("POST /v1/echo", "", "200 {}"),
            ("POST /v1/echo", "[]", "400 ...expected an object"),
            ("POST /v1/echo", r#"{"text":1}"#, "400 ...field text"),
            ("POST /v1/echo", r#"{"text":"a"} x"#, "400 ...something follows"),
            ("POST /v1/echo", r#"{"text":"a","text":"b"}"#, "400 ...twice"),
            ("POST /v1/echo", "{\"text\":\n nonsense}", "400 ...line 2"),
            ("POST /v1/texts", r#"["a","b"]"#, r#"200 ["a","b"]"#),
            ("POST /v1/texts", "", "200 []"),
            ("POST /v1/texts", r#""a""#, "400 ...expected an array"),
            ("POST /v1/texts", r#"["a"],"text":"b""#, "400 ...something follows"),
            ("POST /v1/texts?text=ignored", r#"["a"]"#, r#"200 ["a"]"#),
            ("POST /v1/texts?texts=b", r#"["a"]"#, "400 ...is the body"),
            ("POST /v1/labels", r#"{"a":"b"}"#, r#"200 {"a":"b"}"#),
            ("POST /v1/scalar", "5", r#"200 "5""#),
            ("POST /v1/scalar", "", r#"200 "0""#),
            ("POST /v1/inner/a?an_int32=1", r#"{"text":"x"}"#, r#"200 {"anInt32":1,"text":"a","inner":{"text":"x"}}"#),
            (
                "POST /v1/shelves/1/books?book_id=7",
                r#"{"title":"T"}"#,
                r#"200 {"name":"shelves/1/books/7","title":"T"}"#,
            ),
            ("POST /v1/shelves/1/books?book.title=T", "{}", "400 ...is the body"),
            ("GET /v1/shelves/1/token", "", r#"200 "shelves/1""#),
            ("GET /v1/shelves/1/books", "", "200 []"),
            ("POST /rest.Library/Plain", r#"{"text":"a"}"#, r#"200 {"text":"a"}"#),
            ("POST /rest.Library/GetBook", "{}", "415 ..."),
            ("DELETE /v1/shelves/1/books/2", r#"{"a":1}"#, "400 ...takes no body"),
            ("DELETE /v1/shelves/1/books/2", "{}", "200 {}"),
        ],
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_patch_says_which_fields_it_changes() {
    let server = serve(Gateway::new()).await;
    let book = "/v1/shelves/1/books/2";
    let patch = |query: &str| format!("PATCH {book}{query}");
    let (plain, masked) = (patch(""), patch("?update_mask=title"));
    check(
        &server,
        &[
            (
                &plain,
                r#"{"title":"T","pageCount":0,"author":{"name":"A","teacher":{"born":1}},"tags":[]}"#,
                r#"200 {"book":{"name":"shelves/1/books/2","title":"T","author":{"name":"A","teacher":{"born":1}}},"updateMask":"author.name,author.teacher.born,pageCount,tags,title"}"#,
            ),
            (
                &plain,
                r#"{"name":"other","title":"","author":{},"ratings":{"a":1},"published":"1970-01-01T00:00:00Z"}"#,
                r#"200 {"book":{"name":"shelves/1/books/2","ratings":{"a":1},"published":"1970-01-01T00:00:00Z","author":{}},"updateMask":"author,published,ratings,title"}"#,
            ),
            (&masked, r#"{"genre":"POEM"}"#, r#"200 {"book":{"name":"shelves/1/books/2","genre":"POEM"},"updateMask":"title"}"#),
            ("PUT /v1/shelves/1/books/2", r#"{"genre":"POEM"}"#, r#"200 {"book":{"name":"shelves/1/books/2","genre":"POEM"}}"#),
            (&plain, "", r#"200 {"book":{"name":"shelves/1/books/2"}}"#),
        ],
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn options_say_how_messages_look() {
    let options = JsonOptions::new().proto_names(true).enum_numbers(true).ignore_unknown(true);
    let server = serve(Gateway::new().json(options)).await;
    check(
        &server,
        &[("POST /v1/echo", r#"{"anInt32":1,"genre":"POEM","nothing":1}"#, r#"200 {"an_int32":1,"genre":2}"#)],
    )
    .await;
    server.stop().await;
    let server = serve(Gateway::new().json(JsonOptions::new().default_values(true))).await;
    check(&server, &[("GET /v1/fail/0", "", "500 ..."), ("POST /v1/echo", "{}", r#"200 ..."text":"","#)]).await;
    server.stop().await;
}
