// Runs PowerShell texts, each in a runspace of its own. A line of standard input is a text in base64; a line of standard
// output is what came of it, as JSON.
using System;
using System.Linq;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Text;
using System.Text.Json;

while (Console.In.ReadLine() is { } line)
{
    using var runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
    runspace.Open();
    using var shell = PowerShell.Create(runspace);
    shell.AddScript(Encoding.UTF8.GetString(Convert.FromBase64String(line)));
    string? error = null;
    var lines = Array.Empty<string>();
    try
    {
        lines = shell.Invoke().Select(item => $"{item}").ToArray();
        error = shell.Streams.Error.FirstOrDefault()?.ToString();
    }
    catch (RuntimeException thrown)
    {
        error = thrown.Message;
    }
    Console.Out.WriteLine(JsonSerializer.Serialize(new { lines, error }));
}
