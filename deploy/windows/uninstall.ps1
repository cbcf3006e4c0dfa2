#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Removes the service and the program of Stockroom; keeps the data, the backups and the settings (.env).
#>
[CmdletBinding()]
param(
    [string] $Program = "$env:ProgramFiles\Stockroom"
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

if (-not (Test-Path -LiteralPath "$Program\stockroom.xml")) { throw "There is no Stockroom in $Program." }
Set-Location -LiteralPath $env:SystemRoot
Get-ScheduledTask -TaskName 'Stockroom backup' -ErrorAction SilentlyContinue | Unregister-ScheduledTask -Confirm:$false
if (Get-Service -Name 'stockroom' -ErrorAction SilentlyContinue) {
    Stop-Service -Name 'stockroom'
    & "$Program\stockroom.exe" uninstall
    if ($LASTEXITCODE -ne 0) { throw "The service could not be removed; the status is $LASTEXITCODE." }
}
Get-ChildItem -LiteralPath $Program -Force | Where-Object -Property Name -NE '.env' | Remove-Item -Recurse -Force
Write-Output "Removed. Kept: $env:ProgramData\Stockroom and $Program\.env."
