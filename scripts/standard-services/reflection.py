"""Reflection, asked by grpcio-reflection, and by hand where that asks too little."""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_channelz.v1 import channelz_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

TIMEOUT_S = 20
V1 = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
SERVICES = {
    "Calculator", "Contact", "helloworld.Greeter", "routeguide.RouteGuide", "grpc.testing.TestService",
    "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    "grpc.channelz.v1.Channelz", "xds.service.orca.v3.OpenRcaService",
}  # fmt: skip


def ask_v1(address, questions):
    """Asks by v1, whose messages are those of v1alpha, all in one call."""
    call = grpc.insecure_channel(address).stream_stream(
        V1,
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    return list(call(iter(questions), timeout=TIMEOUT_S))


def ask_v1alpha(address, questions):
    stub = reflection_pb2_grpc.ServerReflectionStub(grpc.insecure_channel(address))
    return list(stub.ServerReflectionInfo(iter(questions), timeout=TIMEOUT_S))


def names(answer):
    """The names of an answer's files."""
    files = answer.file_descriptor_response.file_descriptor_proto
    return [descriptor_pb2.FileDescriptorProto.FromString(file).name for file in files]


def reflection_lists_services(_, address):
    with grpc.insecure_channel(address) as channel:
        listed = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert SERVICES <= set(listed), SERVICES - set(listed)
    assert list(listed) == sorted(listed)


def reflection_describes_every_service(_, address):
    with grpc.insecure_channel(address) as channel:
        listed = ProtoReflectionDescriptorDatabase(channel).get_services()
        for service in listed:
            # A pool each: schemas without packages use the same names for different things.
            pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
            assert pool.FindServiceByName(service).methods, service


def reflection_is_enough_for_a_call(_, address):
    with grpc.insecure_channel(address) as channel:
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        method = pool.FindServiceByName("Calculator").FindMethodByName("Divide")
        request, reply = (message_factory.GetMessageClass(it) for it in (method.input_type, method.output_type))
        divide = channel.unary_unary(
            "/Calculator/Divide", request_serializer=request.SerializeToString, response_deserializer=reply.FromString
        )
        assert divide(request(a=1, b=4), timeout=TIMEOUT_S).value == 0.25


def reflection_answers_all_five_questions_in_both_versions(_, address):
    extension = reflection_pb2.ExtensionRequest(containing_type="grpc.testing.SimpleRequest", extension_number=7)
    questions = [
        reflection_pb2.ServerReflectionRequest(host="a.host", **question)
        for question in [
            {"file_by_filename": "calculator.proto"},
            {"file_containing_symbol": "grpc.testing.TestService.UnaryCall"},
            {"file_containing_extension": extension},
            {"all_extension_numbers_of_type": "grpc.testing.SimpleRequest"},
            {"list_services": ""},
            {"file_containing_symbol": "nobody.Here"},
            {"file_by_filename": "nobody.proto"},
            {"all_extension_numbers_of_type": "nobody.Here"},
            {},
        ]
    ]
    answers = ask_v1(address, questions)
    assert answers == ask_v1alpha(address, questions)
    assert [answer.original_request for answer in answers] == questions
    assert {answer.valid_host for answer in answers} == {"a.host"}
    assert names(answers[0])[0] == "calculator.proto" and "google/api/annotations.proto" in names(answers[0])
    assert names(answers[1])[0] == "grpc/testing/test.proto"
    assert "grpc/testing/messages.proto" in names(answers[1])
    assert answers[3].all_extension_numbers_response.base_type_name == "grpc.testing.SimpleRequest"
    assert SERVICES <= {service.name for service in answers[4].list_services_response.service}
    codes = [answer.error_response.error_code for answer in answers]
    assert codes == [0, 0, 5, 0, 0, 5, 5, 5, 3], codes


def reflection_sends_a_file_once_a_call(_, address):
    questions = [
        reflection_pb2.ServerReflectionRequest(file_by_filename=name)
        for name in ["grpc/testing/messages.proto", "grpc/testing/test.proto", "grpc/testing/messages.proto"]
    ]
    answers = [names(answer) for answer in ask_v1(address, questions)]
    assert answers[0] == ["grpc/testing/messages.proto"]
    assert answers[1] == ["grpc/testing/test.proto", "grpc/testing/empty.proto"], answers[1]
    assert answers[2] == ["grpc/testing/messages.proto"]


def comparable(file):
    """A schema without what does not travel: its place, its comments, the order of its declarations."""
    plain = descriptor_pb2.FileDescriptorProto()
    plain.CopyFrom(file)
    for field in ("name", "source_code_info", "options", "syntax"):
        plain.ClearField(field)
    plain.dependency.sort()

    def sort(messages):
        messages.sort(key=lambda message: message.name)
        for message in messages:
            message.field.sort(key=lambda field: field.number)
            for field in message.field:
                field.ClearField("json_name")
            sort(message.nested_type)

    sort(plain.message_type)
    for service in plain.service:
        service.method.sort(key=lambda method: method.name)
        for method in service.method:
            method.ClearField("options")
    return plain


def reflection_has_the_schemas_of_grpc_itself(_, address):
    for symbol, module in [
        ("grpc.health.v1.Health", health_pb2),
        ("grpc.reflection.v1alpha.ServerReflection", reflection_pb2),
        ("grpc.channelz.v1.Channelz", channelz_pb2),
    ]:
        asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
        told = ask_v1(address, [asked])[0].file_descriptor_response.file_descriptor_proto[0]
        ours, theirs = descriptor_pb2.FileDescriptorProto.FromString(told), descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(theirs)
        assert comparable(ours) == comparable(theirs), symbol


CHECKS = [
    reflection_has_the_schemas_of_grpc_itself,
    reflection_lists_services,
    reflection_describes_every_service,
    reflection_is_enough_for_a_call,
    reflection_answers_all_five_questions_in_both_versions,
    reflection_sends_a_file_once_a_call,
]
