#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Backs up the SQLite database of Stockroom while it runs, and keeps the newest copies; -Register does so every night.
.EXAMPLE
.\backup.ps1 -Register -Keep 30 -At 02:30
#>
[CmdletBinding()]
param(
    [string] $Program = "$env:ProgramFiles\Stockroom",
    # Best a disk of its own; as in C:\ProgramData\Stockroom\backups, nobody but administrators should read it.
    [string] $Folder = "$env:ProgramData\Stockroom\backups",
    [ValidateRange(1, 1000)] [int] $Keep = 14,
    # Make the scheduled task instead of a backup now.
    [switch] $Register,
    [datetime] $At = '02:30'
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

if ($Register) {
    # The installed script, which only administrators can change, as it will run as SYSTEM.
    $script = "$Program\deploy\windows\backup.ps1"
    if (-not (Test-Path -LiteralPath $script)) { throw "There is no $script; install Stockroom first." }
    $action = New-ScheduledTaskAction -Execute "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe" `
        -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$script`" -Program `"$Program`" -Folder `"$Folder`" -Keep $Keep"
    $trigger = New-ScheduledTaskTrigger -Daily -At $At
    $principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
    $settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -MultipleInstances IgnoreNew -ExecutionTimeLimit '04:00:00'
    Register-ScheduledTask -TaskName 'Stockroom backup' -Action $action -Trigger $trigger -Principal $principal `
        -Settings $settings -Force | Out-Null
    Write-Output "Every day at $($At.ToString('HH:mm')), $Folder gets a backup and keeps the newest $Keep."
    return
}

New-Item -ItemType Directory -Force -Path $Folder | Out-Null
$file = Join-Path -Path $Folder -ChildPath "stockroom-$(Get-Date -Format 'yyyyMMdd-HHmmss').sqlite3"
Push-Location -LiteralPath $Program
try {
    & "$Program\.venv\Scripts\python.exe" run.py backup $file
    if ($LASTEXITCODE -ne 0) { throw "There is no backup, and no older one was deleted; the status is $LASTEXITCODE." }
} finally {
    Pop-Location
}
Get-ChildItem -LiteralPath $Folder -Filter 'stockroom-*.sqlite3' | Sort-Object -Property Name -Descending |
    Select-Object -Skip $Keep | Remove-Item
