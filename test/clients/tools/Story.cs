using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Http.HttpClientLibrary;

// What was asked for comes as environment variables; what came of it is one line of JSON for each client.
var proxy = Environment.GetEnvironmentVariable("STORY_PROXY")!;
var backends = Environment.GetEnvironmentVariable("STORY_BACKENDS")!.Split(' ');
var http = new HttpClient { BaseAddress = new Uri(proxy) };
http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Environment.GetEnvironmentVariable("STORY_TOKEN"));

await Kiota(backends[0]);
await NSwag(backends[1], backends[2]);

async Task Kiota(string backend)
{
    var parts = backend.Split('/');
    var adapter = new HttpClientRequestAdapter(new AnonymousAuthenticationProvider(), httpClient: http) { BaseUrl = proxy };
    var client = new Reconnect.Kiota.ReconnectClient(adapter);
    var route = client.Subscriptions[parts[2]].ResourceGroups[parts[4]].Providers.MicrosoftApiManagement
        .Service[parts[8]].Backends[parts[10]].Reconnect;
    await route.PostAsync(new Reconnect.Kiota.Models.ReconnectRequest
    {
        Properties = new() { After = TimeSpan.FromMinutes(5) },
    });
    var page = await client.Operations.GetAsync(request => request.QueryParameters.Backend = backend);
    var one = await client.Operations[page!.Value![0].Id!].GetAsync();
    var refused = "";
    try { await client.Operations.GetAsync(request => request.QueryParameters.Top = 0); }
    catch (Reconnect.Kiota.Models.ErrorResponse error) { refused = error.Error!.Code!; }
    Tell("kiota", one!.State.ToString()!, one.After?.TotalMinutes.ToString()!, refused);
}

async Task NSwag(string backend, string other)
{
    var parts = backend.Split('/');
    var client = new Reconnect.NSwag.ReconnectClient(http) { BaseUrl = proxy };
    await client.BackendReconnectAsync(parts[2], parts[4], parts[8], parts[10],
        body: new() { Properties = new() { After = "PT5M" } });
    // Without a body NSwag sends the literal null.
    var others = other.Split('/');
    await client.BackendReconnectAsync(others[2], others[4], others[8], others[10]);
    var page = await client.OperationListAsync(backend: backend);
    var one = await client.OperationGetAsync(page.Value.First().Id);
    var refused = "";
    try { await client.OperationListAsync(top: 0); }
    catch (Reconnect.NSwag.ApiException<Reconnect.NSwag.ErrorResponse> error) { refused = error.Result.Error.Code; }
    Tell("nswag", one.State.ToString(), one.After, refused);
}

void Tell(string client, string state, string after, string refused) =>
    Console.WriteLine(JsonSerializer.Serialize(new { client, state, after, refused }));
